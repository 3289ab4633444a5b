import { load, tenantOf } from '../driver/load.ts';
import { isAnswered, isRefused } from '../table.ts';
import { quota } from '../worker/dashboard.ts';
import { allAnswered, claim, pagesOf, type Step, usersFrom } from './step.ts';

/** One tenant sends more than its quota, from many connections. Every tenth request comes from another tenant. */
export const quotaExceeded: Step = async ({ workers, shared }) => {
  const isOther = (user: number): boolean => user % 10 === 0;
  const tenant = (user: number): string => (isOther(user) ? tenantOf(user) : 'greedy');
  const pages = await pagesOf(load(workers.url, usersFrom(2_000, 150), tenant));
  const { countedAlone } = await workers.report();

  const greedy = pages.filter(({ user }) => !isOther(user));
  const passed = greedy.filter(isAnswered).length;
  const refusals = greedy.filter(isRefused);
  const seconds = refusals.map(({ retryAfter = 0 }) => retryAfter / 1_000);
  const who = shared === 'Redis' ? 'all processes together' : 'the one process';
  // A worker that has waited too long for Redis counts alone. On a busy machine that happens while Redis is up, too.
  const slow = countedAlone === 0 ? '' : `, and Redis was too slow for ${String(countedAlone)} calls`;
  return {
    pages,
    claims: [
      allAnswered(pages.filter((page) => !isRefused(page))),
      claim(
        `${who} let pass ${String(passed)} of ${String(greedy.length)}: the quota is ${String(quota.points)}${slow}`,
        Math.abs(passed - quota.points) <= countedAlone,
      ),
      claim(
        `${String(refusals.length)} refusals are a 429 that says when to come back: in ${String(Math.max(0, ...seconds))} s`,
        refusals.length > 0 && seconds.every((each) => each >= 1 && each <= quota.duration),
      ),
      claim('all other tenants are answered', pages.filter(({ user }) => isOther(user)).every(isAnswered)),
    ],
  };
};
