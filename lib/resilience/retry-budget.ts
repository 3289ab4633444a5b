import { asyncScheduler } from 'rxjs';
import { assertTimerMs, assertNonNegativeInteger } from '../core/assert.ts';

/** A shared allowance of extra attempts: what {@link retryBudget} makes, for `backoff` and `hedge` to ask. */
export interface RetryBudget {
  /** Counts a first attempt. Who counts is told apart: a question that is both retried and hedged is one. */
  attempted(by: 'backoff' | 'hedge'): void;
  /** Whether one more attempt may be made; if so, it is taken off. */
  allows(): boolean;
}

/** Seconds that first attempts count for: an hour of success buys no storm of retries. */
const seconds = 10;

/**
 * Makes an allowance that is shared by all that it is given to: retries and hedges together add at most `ratio` to the first
 * attempts of the last ten seconds, plus `min` in any second.
 *
 * Layers of retries multiply (three of three are 27 requests), and a failing upstream gets more load than a healthy one;
 * with a budget it gets a fifth more at the most. Make one for each upstream, and give it to those next to it: what an outer
 * retry asks again would count as first attempts.
 *
 * @param config - `ratio` 0.2, `min` 10 a second.
 * @throws RangeError where one of them is no number, or below 0.
 * @remarks Finagle's `RetryBudget` (https://twitter.github.io/finagle/guide/Clients.html#retries).
 *
 * @example
 * ```ts
 * import { defer, retry, throwError } from 'rxjs';
 * import { background, backoff, retryBudget } from 'forkfast';
 *
 * const budget = retryBudget({ ratio: 0.2, min: 1 });
 * const delay = backoff(background, { budget, initialDelay: 1, retryable: () => true });
 * let asked = 0;
 * const failing = defer(() => throwError(() => new Error(`asked ${++asked} times`)));
 *
 * failing.pipe(retry({ count: 5, delay })).subscribe({ error: (error) => console.log(error.message) }); // => asked 2 times
 * ```
 */
export function retryBudget(config: { readonly ratio?: number; readonly min?: number } = {}): RetryBudget {
  const { ratio = 0.2, min = 10 } = config;
  assertTimerMs('retryBudget: ratio', ratio, 0);
  assertNonNegativeInteger('retryBudget: min', min);
  const attempts = { backoff: recently(), hedge: recently() };
  const extras = recently();
  /** When each of the last `min` attempts beyond the ratio was made: a ring, from the oldest on. */
  const beyond: number[] = [];
  let oldest = 0;

  return {
    attempted: (by) => {
      attempts[by].add();
    },
    allows: () => {
      const first = Math.max(attempts.backoff.sum(), attempts.hedge.sum());
      // A hair more: ten times 0.1 is a little less than 1.
      if (extras.sum() < Math.floor(first * ratio + 1e-9)) {
        extras.add();
        return true;
      }
      const now = asyncScheduler.now();
      // Either way: a wall clock may be set back.
      if (min === 0 || Math.abs(now - (beyond[oldest] ?? Infinity)) < 1_000) return false;
      beyond[oldest] = now;
      oldest = (oldest + 1) % min;
      return true;
    },
  };
}

/** Counts what happened in the last ten seconds, in a bucket for each. */
function recently(): { add(): void; sum(): number } {
  const buckets: number[] = [];
  let newest = 0;
  const turn = (): void => {
    const now = Math.floor(asyncScheduler.now() / 1_000);
    if (now < newest) buckets.fill(0); // the clock was set back
    for (let second = Math.max(newest, now - seconds) + 1; second <= now; second++) buckets[second % seconds] = 0;
    newest = now;
  };
  return {
    add: () => {
      turn();
      buckets[newest % seconds] = (buckets[newest % seconds] ?? 0) + 1;
    },
    sum: () => {
      turn();
      return buckets.reduce((sum, count) => sum + count, 0);
    },
  };
}
