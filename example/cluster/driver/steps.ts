import { lastValueFrom, type Observable, tap, toArray } from 'rxjs';
import { quota } from '../worker/dashboard.ts';
import { load, type Page, tenantOf } from './load.ts';
import type { RedisServer } from './redis-server.ts';
import { type Claim, isAnswered, isFailed, isRefused, type Result } from './table.ts';
import type { UpstreamProcesses } from './upstreams.ts';
import type { Workers } from './workers.ts';

/** The processes that the steps act on. */
export interface Stage {
  readonly workers: Workers;
  readonly upstreams: UpstreamProcesses;
  readonly shared: 'Redis' | 'memory';
  /** The Redis of this program, which it may kill. */
  readonly redisServer: RedisServer | undefined;
}

interface Step {
  readonly name: string;
  run(stage: Stage): Promise<Omit<Result, 'name'>>;
}

/** The steps in order. Each has users of its own, so that no answer and no quota is left from an earlier step. */
export const steps: readonly Step[] = [
  { name: 'a  all healthy', run: allHealthy },
  { name: 'b  profile killed under load', run: upstreamKilled },
  { name: 'c  one tenant over its quota', run: quotaExceeded },
  { name: 'd1 Redis hangs under load', run: (stage) => redisFails(stage, 'hang') },
  { name: 'd2 Redis killed under load', run: (stage) => redisFails(stage, 'kill') },
  { name: 'e  rolling restart under load', run: rollingRestart },
];

async function allHealthy({ workers }: Stage): Promise<Omit<Result, 'name'>> {
  const pages = await pagesOf(load(workers.url, range(1, 200)));
  const busy = new Set(pages.map(({ worker }) => worker)).size;
  return {
    pages,
    claims: [noneFailed(pages), claim(`${named(busy, 'process')} of ${String(workers.size)} responded`, busy > 0)],
  };
}

/** The same users come twice. The Profile service is killed in between, so that only its last good answers can help. */
async function upstreamKilled({ workers, upstreams, shared }: Stage): Promise<Omit<Result, 'name'>> {
  const first = await pagesOf(load(workers.url, range(1_001, 200)));
  await workers.report(); // a worker responds before Redis has its answer: after the report, all answers are there
  let killed: Promise<void> | undefined;
  // In reverse, because the processes take turns: so most users meet another process than the first time.
  const second = await pagesOf(
    load(workers.url, [...range(1_001, 200)].reverse().values()).pipe(
      after(50, () => (killed = upstreams.kill('profile'))),
    ),
  );
  await killed;
  const { stale } = await workers.report();
  await upstreams.start('profile');
  workers.announce(upstreams.urls);
  await workers.report(); // messages arrive in order: each worker has the new URL now

  const firstWorkers = new Map(first.map(({ user, worker }) => [user, worker]));
  const foreign = second.filter(({ user, worker, stale }) => stale && worker !== firstWorkers.get(user)).length;
  const pages = [...first, ...second];
  return {
    pages,
    claims: [
      noneFailed(pages),
      claim(
        `the events say so: stale × ${String(stale)}`,
        stale > 0 && stale === second.filter((page) => page.stale).length,
      ),
      workers.size > 1
        ? claim(`${String(foreign)} stale pages had been seen by another process only`, foreign > 0)
        : claim(
            `the stale pages come from the ${shared === 'memory' ? 'memory of the one process' : 'store'}`,
            stale > 0,
          ),
    ],
  };
}

/** One tenant sends more than its quota, from many connections. Every tenth request comes from another tenant. */
async function quotaExceeded({ workers, shared }: Stage): Promise<Omit<Result, 'name'>> {
  const isOther = (user: number): boolean => user % 10 === 0;
  const pages = await pagesOf(
    load(workers.url, range(2_000, 150), (user) => (isOther(user) ? tenantOf(user) : 'greedy')),
  );
  const { countedAlone } = await workers.report();
  const greedy = pages.filter(({ user }) => !isOther(user));
  const passed = greedy.filter(isAnswered).length;
  const refusals = greedy.filter(isRefused);
  const seconds = refusals.map(({ retryAfter = 0 }) => retryAfter / 1_000);
  const who = shared === 'Redis' ? 'all processes together' : 'the one process';
  const slow = countedAlone === 0 ? '' : `, and Redis was too slow for ${String(countedAlone)} calls`;
  return {
    pages,
    claims: [
      noneFailed(pages),
      claim(
        `${who} let pass ${String(passed)} of ${String(greedy.length)}: the quota is ${String(quota.points)}${slow}`,
        Math.abs(passed - quota.points) <= countedAlone,
      ),
      claim(
        `${String(refusals.length)} refusals are a 429 that says when to come back: in ${String(Math.max(0, ...seconds))} s`,
        refusals.length > 0 &&
          refusals.every(({ status }) => status === 429) &&
          seconds.every((each) => each >= 1 && each <= quota.duration),
      ),
      claim('all other tenants are answered', pages.filter(({ user }) => isOther(user)).every(isAnswered)),
    ],
  };
}

/** The ways in which Redis fails, and the first user of the step. */
const failures = {
  hang: {
    from: 3_000,
    fail: (redis: RedisServer) => redis.hang(),
    recover: (redis: RedisServer) => redis.resume(),
  },
  kill: {
    from: 4_000,
    fail: (redis: RedisServer) => redis.kill(),
    recover: (redis: RedisServer) => redis.start(),
  },
};

/** Redis hangs or dies, and comes back, empty after its death. No page needs it while the services are healthy. */
async function redisFails(
  { workers, redisServer, shared }: Stage,
  how: keyof typeof failures,
): Promise<Omit<Result, 'name'>> {
  if (!redisServer) {
    const why =
      shared === 'Redis' ? 'this Redis belongs to somebody else: use --redis' : 'there is no Redis: use --redis';
    return { pages: [], claims: [claim(`left out: ${why}`, true)] };
  }
  const { from, fail, recover } = failures[how];
  let failed: Promise<void> | undefined;
  const pages = await pagesOf(load(workers.url, range(from, 350)).pipe(after(100, () => (failed = fail(redisServer)))));
  await failed;
  const { storeFailed, countedAlone } = await workers.report();
  await recover(redisServer);
  const back = await isConnected(workers);
  return {
    pages,
    claims: [
      noneFailed(pages),
      claim(`the events say so: store-failed × ${String(storeFailed)}`, storeFailed > 0),
      claim(`each process counted the quota alone, ${String(countedAlone)} times`, countedAlone > 0),
      claim('all processes are connected again after Redis is back', back),
    ],
  };
}

async function rollingRestart({ workers, shared }: Stage): Promise<Omit<Result, 'name'>> {
  let codes: readonly (number | null)[] | undefined;
  const restart = async (): Promise<void> => {
    codes = await workers.rollingRestart();
  };
  const restarted = restart();
  const pages = await pagesOf(
    load(
      workers.url,
      until(() => codes !== undefined, 5_000),
    ),
  );
  await restarted;
  const clean = codes?.filter((code) => code === 0).length ?? 0;
  return {
    pages,
    claims: [
      noneFailed(pages),
      claim(`${named(clean, 'process')} drained and ended with 0, of ${String(workers.size)}`, clean === workers.size),
      ...(shared === 'memory' ? [claim('what the old process had in memory is gone', true)] : []),
    ],
  };
}

function pagesOf(pages: Observable<Page>): Promise<Page[]> {
  return lastValueFrom(pages.pipe(toArray()));
}

/** Calls `act` at the given page, while the others are in flight. */
function after<T>(count: number, act: () => unknown): (source: Observable<T>) => Observable<T> {
  return tap((): void => {
    if (--count === 0) act();
  });
}

function* range(from: number, count: number): Generator<number, undefined> {
  for (let user = from; user < from + count; user++) yield user;
}

/** Many users in turn, so that no tenant reaches its quota. */
function* until(isDone: () => boolean, from: number): Generator<number, undefined> {
  for (let turn = 0; !isDone(); turn++) yield from + (turn % 4_000);
}

/** Whether all workers are connected to Redis, now or within ten seconds. */
async function isConnected(workers: Workers): Promise<boolean> {
  const end = performance.now() + 10_000;
  while (performance.now() < end) {
    const { connected } = await workers.report();
    if (connected) return true;
  }
  return false;
}

function noneFailed(pages: readonly Page[]): Claim {
  const failed = pages.filter(isFailed);
  const lost = failed.filter(({ status }) => status === 0).length;
  const statuses = [...new Set(failed.map(({ status }) => status))].filter((status) => status > 0);
  const which = statuses.length > 0 ? ` (${statuses.join(', ')})` : '';
  return claim(`${String(failed.length)} failed pages${which}, ${String(lost)} lost requests`, failed.length === 0);
}

function claim(text: string, kept: boolean): Claim {
  return { text, kept };
}

function named(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 'es'}`;
}
