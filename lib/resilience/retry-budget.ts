import { asyncScheduler } from 'rxjs';
import { assertNonNegativeInteger, assertTimerMs, hasMethod, mismatch } from '../core/assert.ts';

/** A shared limit on extra attempts, which {@link retryBudget} makes. `backoff` and `hedge` call its methods. */
export interface RetryBudget {
  /** Counts a first attempt. A call that is both retried and hedged counts once, because the two are counted apart. */
  recordFirstAttempt(by: 'backoff' | 'hedge'): void;
  /** Takes one extra attempt from the budget. Returns `false` if the budget is used up. */
  tryAcquire(): boolean;
}

/**
 * Makes a limit on the extra attempts of all retries and hedges that share it: at most `ratio` of the first attempts of the
 * last 10 seconds, plus `min` in any second.
 *
 * Layers of retries multiply: three layers of three attempts make 27 requests, and a failing upstream gets more load than a
 * healthy one. With the default budget it gets at most a fifth more, plus 10 requests per second. Make one budget for each
 * upstream, and pass it to the retries and hedges next to the upstream. An outer retry would count its retries as first
 * attempts.
 *
 * @param config - `ratio` is 0.2 and `min` is 10 by default.
 * @throws RangeError if `ratio` is not a number of at least 0, or `min` is not an integer of at least 0.
 * @remarks Finagle's `RetryBudget` (https://twitter.github.io/finagle/guide/Clients.html#retries).
 *
 * @example
 * ```ts
 * import { defer, retry, throwError } from 'rxjs';
 * import { background, backoff, retryBudget } from 'forkfast';
 *
 * const budget = retryBudget({ ratio: 0.2, min: 1 });
 * const delay = backoff(background, { budget, initialDelay: 1, retryable: () => true });
 * let calls = 0;
 * const failing = defer(() => throwError(() => new Error(`failed ${++calls} times`)));
 *
 * failing.pipe(retry({ count: 5, delay })).subscribe({ error: (error) => console.log(error.message) }); // => failed 2 times
 * ```
 */
export function retryBudget(config: { readonly ratio?: number; readonly min?: number } = {}): RetryBudget {
  const { ratio = 0.2, min = 10 } = config;
  assertTimerMs('retryBudget: ratio', ratio, 0);
  assertNonNegativeInteger('retryBudget: min', min);
  const firstAttempts = { backoff: recentCount(), hedge: recentCount() };
  const extraAttempts = recentCount();
  const tryAcquireMin = limitPerSecond(min);

  return {
    recordFirstAttempt: (by) => {
      firstAttempts[by].increment();
    },
    tryAcquire: () => {
      const calls = Math.max(firstAttempts.backoff.total(), firstAttempts.hedge.total());
      const allowed = Math.floor(calls * ratio + 1e-9); // 100 * 0.29 is 28.999999999999996
      if (extraAttempts.total() >= allowed) return tryAcquireMin();
      extraAttempts.increment();
      return true;
    },
  };
}

export function assertRetryBudget(name: string, value: unknown): void {
  if (value === undefined || hasMethod(value, 'tryAcquire')) return;
  throw new TypeError(`${mismatch(name, 'a RetryBudget', value)}: make one with retryBudget()`);
}

/** Ten seconds: an hour of success must not allow a storm of retries. */
const bucketCount = 10;

/** Counts what happened in the last ten seconds, in one bucket per second. */
function recentCount(): { increment(): void; total(): number } {
  const buckets: number[] = [];
  let newest = 0;
  const dropOldBuckets = (): void => {
    const now = Math.floor(asyncScheduler.now() / 1_000);
    if (now < newest) buckets.fill(0); // the clock was set back
    for (let second = Math.max(newest, now - bucketCount) + 1; second <= now; second++) {
      buckets[second % bucketCount] = 0;
    }
    newest = now;
  };
  return {
    increment: () => {
      dropOldBuckets();
      buckets[newest % bucketCount] = (buckets[newest % bucketCount] ?? 0) + 1;
    },
    total: () => {
      dropOldBuckets();
      return buckets.reduce((sum, count) => sum + count, 0);
    },
  };
}

/** Returns a function that returns `true` at most `limit` times in any second. */
function limitPerSecond(limit: number): () => boolean {
  /** A ring of the last `limit` times. */
  const times: number[] = [];
  let oldest = 0;
  return () => {
    const now = asyncScheduler.now();
    const age = Math.abs(now - (times[oldest] ?? Infinity)); // absolute, because the clock may be set back
    if (limit === 0 || age < 1_000) return false;
    times[oldest] = now;
    oldest = (oldest + 1) % limit;
    return true;
  };
}
