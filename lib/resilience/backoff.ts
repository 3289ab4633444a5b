import { asyncScheduler, map, type Observable, takeUntil, throwError, timer } from 'rxjs';
import { aborted, checkCallerContext } from '../core/abort.ts';
import { assertTimerMs, hasMethod, describeType } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import { CanceledError } from '../errors/canceled-error.ts';
import { HttpError } from '../errors/http-error.ts';
import { NetworkError } from '../errors/network-error.ts';
import { ServiceError } from '../errors/service-error.ts';
import type { RetryBudget } from './retry-budget.ts';

/** How {@link backoff} waits, and what it waits for. */
export interface BackoffConfig {
  /**
   * Milliseconds before the first retry, at the most.
   *
   * @defaultValue 100
   */
  readonly initialDelay?: number;
  /**
   * How many times longer each wait may be than the one before it.
   *
   * @defaultValue 2
   */
  readonly factor?: number;
  /**
   * Milliseconds that no wait is longer than, but for `Retry-After`.
   *
   * @defaultValue 5_000
   */
  readonly maxDelay?: number;
  /**
   * `'full'`: anywhere between 0 and the delay, so that those who failed together do not come back together.
   *
   * @defaultValue `'full'`
   */
  readonly jitter?: 'full' | 'none';
  /**
   * A number from 0 up to 1.
   *
   * @defaultValue `Math.random`
   */
  readonly random?: () => number;
  /**
   * What is worth another attempt.
   *
   * @defaultValue {@link isTransient}
   */
  readonly retryable?: (error: unknown) => boolean;
  /** A shared allowance: each call of `backoff` counts as a first attempt; where it is used up, the error goes on at once. */
  readonly budget?: RetryBudget;
}

const idempotent = /^(?:GET|HEAD|OPTIONS|PUT|DELETE|TRACE)$/;
const transient: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/**
 * Whether the same request may well succeed a moment later: no answer, or a status of 408, 425, 429, 500, 502, 503, 504,
 * of an idempotent method. Of a `ServiceError` the cause decides.
 *
 * @remarks The idempotent methods are those of RFC 9110, section 9.2.2.
 *
 * @example
 * ```ts
 * import { HttpError, isTransient } from 'forkfast';
 *
 * const answer = { status: 503, url: 'http://api.test/orders' };
 * console.log(isTransient(new HttpError({ ...answer, method: 'GET' }))); // => true
 * console.log(isTransient(new HttpError({ ...answer, method: 'POST' }))); // => false
 * ```
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof ServiceError) return isTransient(error.cause);
  if (error instanceof NetworkError) return idempotent.test(error.method);
  return error instanceof HttpError && transient.includes(error.status) && idempotent.test(error.method);
}

/**
 * The `delay` of RxJS's own `retry`: waits exponentially longer before each attempt, with full jitter, and never past the
 * deadline of `ctx`.
 *
 * Emits when the wait is over; errors at once with the error it was given where that is not `retryable`, where the wait
 * would end at or past `ctx.deadline`, and where the budget is used up. `Retry-After` is honoured: the wait is no shorter.
 * Unsubscribing ends the wait in the same frame, and so does `ctx.signal`, with `CanceledError`.
 *
 * ```text
 * source   --#                    (fails)
 * retry       ....--#             (after up to 100 ms)
 * retry             ........--p|  (after up to 200 ms)
 * ```
 *
 * @param ctx - Whose deadline no wait may reach.
 * @param config - `initialDelay` 100, `factor` 2, `maxDelay` 5,000, `jitter` `'full'`.
 * @throws RangeError or TypeError for a config that makes no sense.
 * @remarks "Exponential Backoff And Jitter" (Brooker, 2015).
 *
 * @example
 * ```ts
 * import { retry } from 'rxjs';
 * import { backoff, type Context, fetchJson } from 'forkfast';
 *
 * let asked = 0;
 * const fetch = async () => (++asked < 3 ? new Response('', { status: 503 }) : Response.json({ name: 'Alice' }));
 * const profile = (ctx: Context) =>
 *   fetchJson(ctx, 'http://api.test/profile').pipe(retry({ count: 2, delay: backoff(ctx, { initialDelay: 1 }) }));
 *
 * profile({ fetch }).subscribe((body) => console.log(body, asked)); // => { name: 'Alice' } 3
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
  const invalid = checkCallerContext(ctx);
  if (invalid) throw invalid;
  if (!['full', 'none'].includes(jitter))
    throw new TypeError(`backoff: jitter is 'full' or 'none', not ${describeType(jitter)}`);
  for (const [name, given] of Object.entries({ random, retryable })) {
    if (typeof given !== 'function')
      throw new TypeError(`backoff: ${name} must be a function, not ${describeType(given)}`);
  }
  if (budget !== undefined && !hasMethod(budget, 'attempted'))
    throw new TypeError(`backoff: budget is what retryBudget() makes, not ${describeType(budget)}`);
  budget?.attempted('backoff');

  return (error, attempt) => {
    const growth = Math.min(factor ** (attempt - 1), Number.MAX_VALUE); // of 0 and Infinity there is no product
    const most = Math.min(maxDelay, initialDelay * growth);
    const wait = Math.max(jitter === 'full' ? random() * most : most, retryAfterOf(error) ?? 0);
    const inTime = wait < 2 ** 31 && asyncScheduler.now() + wait < (ctx.deadline ?? Infinity);
    if (!inTime || !retryable(error) || budget?.allows() === false) return throwError(() => error);
    const left = aborted(ctx).pipe(
      map((cause) => {
        throw new CanceledError({ cause });
      }),
    );
    return timer(wait).pipe(takeUntil(left));
  };
}

function retryAfterOf(error: unknown): number | undefined {
  if (error instanceof ServiceError) return retryAfterOf(error.cause);
  return error instanceof HttpError ? error.retryAfter : undefined;
}
