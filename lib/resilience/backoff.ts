import { map, type Observable, takeUntil, throwError, timer } from 'rxjs';
import { aborted } from '../core/abort/on-abort.ts';
import { checkCallerContext } from '../core/abort/with-signal.ts';
import { assertTimerMs, mismatch } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import { abortErrorOf, fitsDeadline } from '../core/run-handle.ts';
import { HttpError } from '../errors/http-error.ts';
import { serviceCauseOf } from '../errors/service-error.ts';
import { isTransient } from './is-transient.ts';
import { assertRetryBudget, type RetryBudget } from './retry-budget.ts';

/** How long {@link backoff} waits, and for which errors. */
export interface BackoffConfig {
  /**
   * The longest wait before the first retry, in milliseconds.
   *
   * @defaultValue 100
   */
  readonly initialDelay?: number;
  /**
   * The delay grows by this factor with each retry.
   *
   * @defaultValue 2
   */
  readonly factor?: number;
  /**
   * The longest wait before any retry, in milliseconds. Only `Retry-After` may be longer.
   *
   * @defaultValue 5_000
   */
  readonly maxDelay?: number;
  /**
   * `'full'` picks each wait at random between 0 and the delay, so that callers that failed together do not retry together.
   * `'none'` waits for the whole delay.
   *
   * @defaultValue `'full'`
   */
  readonly jitter?: 'full' | 'none';
  /**
   * Returns a number from 0 up to, but not including, 1.
   *
   * @defaultValue `Math.random`
   */
  readonly random?: () => number;
  /**
   * Returns whether an error is worth another attempt.
   *
   * @defaultValue {@link isTransient}
   */
  readonly retryable?: (error: unknown) => boolean;
  /**
   * Limits the retries. When the budget is used up, nothing is retried.
   *
   * Each call of `backoff` counts as a first attempt. Where many subscribe to one Observable, each further one that fails counts.
   */
  readonly budget?: RetryBudget;
}

/**
 * Makes the `delay` of RxJS's `retry`: it waits exponentially longer before each attempt, with full jitter, and never past the
 * deadline of `ctx`.
 *
 * Emits after the wait. If the response had a `Retry-After` header, the wait is at least that long. Errors at once with the
 * error of the attempt if that is not `retryable`, if the wait would end at or after `ctx.deadline`, or if the budget is used
 * up. Errors with `CanceledError` when `ctx.signal` aborts. Unsubscribing ends the wait in the same frame.
 *
 * ```text
 * source   --#                    fails
 * retry       ....--#             after up to 100 ms
 * retry             ........--p|  after up to 200 ms
 * ```
 *
 * @param ctx - The context of the call that is retried.
 * @param config - All fields are optional.
 * @throws RangeError or TypeError for an invalid config or context.
 * @remarks "Exponential Backoff And Jitter" (Brooker, 2015).
 *
 * @example
 * ```ts
 * import { retry } from 'rxjs';
 * import { backoff, type Context, fetchJson } from 'forkfast';
 *
 * let requests = 0;
 * const fetch = async () => (++requests < 3 ? new Response('', { status: 503 }) : Response.json({ name: 'Alice' }));
 * const profile = (ctx: Context) =>
 *   fetchJson(ctx, 'http://api.test/profile').pipe(retry({ count: 2, delay: backoff(ctx, { initialDelay: 1 }) }));
 *
 * profile({ fetch }).subscribe((body) => console.log(body, requests)); // => { name: 'Alice' } 3
 * ```
 */
export function backoff(
  ctx: Context,
  config: BackoffConfig = {},
): (error: unknown, attempt: number) => Observable<unknown> {
  const {
    initialDelay = 100,
    factor = 2,
    maxDelay = 5_000,
    jitter = 'full',
    random = Math.random,
    retryable = isTransient,
    budget,
  } = config;
  assertTimerMs('backoff: initialDelay', initialDelay, 0);
  assertTimerMs('backoff: factor', factor, 1);
  assertTimerMs('backoff: maxDelay', maxDelay, 0);
  if (!['full', 'none'].includes(jitter)) throw new TypeError(mismatch('backoff: jitter', "'full' or 'none'", jitter));
  for (const [name, value] of Object.entries({ random, retryable })) {
    if (typeof value !== 'function') throw new TypeError(mismatch(`backoff: ${name}`, 'a function', value));
  }
  assertRetryBudget('backoff: budget', budget);
  const invalid = checkCallerContext(ctx);
  if (invalid) throw invalid;
  budget?.recordFirstAttempt('backoff');
  let isCounted = true;
  /** Subscribers that share one Observable share this function: for each of them, the first attempt fails once. */
  const countFirstAttempt = (): void => {
    if (!isCounted) budget?.recordFirstAttempt('backoff');
    isCounted = false;
  };

  const waitBefore = (attempt: number, error: unknown): number => {
    const growth = Math.min(factor ** (attempt - 1), Number.MAX_VALUE); // 0 times Infinity would be NaN
    const delay = Math.min(maxDelay, initialDelay * growth);
    return Math.max(jitter === 'full' ? random() * delay : delay, retryAfterOf(error) ?? 0);
  };
  const canceled = aborted(ctx).pipe(
    map((reason) => {
      throw abortErrorOf(ctx, reason);
    }),
  );
  return (error, attempt) => {
    if (attempt === 1) countFirstAttempt();
    const wait = waitBefore(attempt, error);
    const retries = wait < 2 ** 31 && fitsDeadline(ctx, wait) && retryable(error) && budget?.tryAcquire() !== false;
    return retries ? timer(wait).pipe(takeUntil(canceled)) : throwError(() => error);
  };
}

function retryAfterOf(error: unknown): number | undefined {
  const cause = serviceCauseOf(error);
  return cause instanceof HttpError ? cause.retryAfter : undefined;
}
