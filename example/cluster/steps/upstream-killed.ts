import { load } from '../driver/load.ts';
import { allAnswered, atPage, claim, pagesOf, type Step, usersFrom } from './step.ts';

/** The same users come twice. The Profile service is killed in between, so that only its last good answers can help. */
export const upstreamKilled: Step = async ({ workers, upstreams }) => {
  const users = usersFrom(1_000, 200);
  const first = await pagesOf(load(workers.url, users));
  await workers.report(); // a worker responds before Redis has its answer: after the report, all answers are there

  let killed: Promise<void> | undefined;
  const kill = (): void => {
    killed = upstreams.kill('profile');
  };
  // In reverse, because the processes take turns: so most users meet another process than the first time.
  const second = await pagesOf(load(workers.url, [...users].reverse()).pipe(atPage(50, kill)));
  await killed;
  const { stale } = await workers.report();

  await upstreams.start('profile');
  workers.announce(upstreams.urls);
  await workers.report(); // messages arrive in order: each worker has the new URL now

  const firstWorkers = new Map(first.map(({ user, worker }) => [user, worker]));
  const stalePages = second.filter((page) => page.stale);
  const foreign = stalePages.filter(({ user, worker }) => worker !== firstWorkers.get(user)).length;
  const pages = [...first, ...second];
  return {
    pages,
    claims: [
      allAnswered(pages),
      claim(`the events say so: stale × ${String(stale)}`, stale > 0 && stale === stalePages.length),
      ...(workers.size > 1
        ? [claim(`${String(foreign)} stale pages had been seen by another process only`, foreign > 0)]
        : []),
    ],
  };
};
