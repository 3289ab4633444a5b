import { asyncScheduler } from 'rxjs';
import { assertPositiveInteger, mismatch } from '../../core/assert.ts';
import { saysOverloaded } from './says-overloaded.ts';

/** A limit that learns, which {@link adaptive} makes. `bulkhead` calls its method. */
export interface AdaptiveLimit {
  /** The number of sources that may run at the same time now: at least 1. */
  readonly current: number;
  /** Called when a source starts. Returns the function that is called when the source ends: the first call counts. */
  sourceStarted(source: StartedSource): (end: SourceEnd) => void;
}

/** A source that a bulkhead starts. */
export interface StartedSource {
  /** The number of running sources, including this one. */
  readonly running: number;
  /** The deadline of the caller, in epoch milliseconds. `Infinity` if there is none, or if the bulkhead does not know it. */
  readonly deadline: number;
}

/** How a source has ended. */
export type SourceEnd = 'completed' | 'unsubscribed' | { readonly error: unknown };

/** The bounds of {@link adaptive}. */
export interface AdaptiveConfig {
  /**
   * The lowest limit, and the first one: a number of calls.
   *
   * @defaultValue 1
   */
  readonly min?: number;
  /** The highest limit: a number of calls. */
  readonly max: number;
  /**
   * Returns whether an error means that the upstream is overloaded. Other errors teach the limit nothing.
   *
   * @defaultValue Errors for which `isTransient` returns `true`, the HTTP status 408, 429, 502, 503 and 504 for any method,
   * `DeadlineExceededError`, and any error with the name `TimeoutError`.
   */
  readonly overloaded?: (error: unknown) => boolean;
}

/**
 * Makes a limit for `bulkhead` that learns how many calls an upstream can answer at the same time. It starts at `min` and stays
 * between `min` and `max`.
 *
 * A round ends when about as many calls have ended as may run at the same time.
 *
 * - **Overload**: the limit falls by the share of the calls that failed because the upstream is overloaded, or that were
 *   unsubscribed at their deadline.
 * - **Slow**: if the mean latency is more than twice the best that was seen, the limit falls to the number of calls that the
 *   upstream answers without a queue. If fewer calls are not faster, the upstream itself has become slower: the limit returns,
 *   and the latency becomes the best.
 * - Otherwise, the limit grows if it was reached: it doubles until the first fall and up to half of the way back after a fall, and
 *   then it grows by a tenth of its square root.
 *
 * A caller that unsubscribes before its deadline teaches the limit nothing. The latency is the time until the source completes.
 * The limit reads RxJS's clock and sets no timer. Make one for each bulkhead.
 *
 * @throws RangeError if `min` or `max` is not a positive integer, or `max` is below `min`; TypeError if `overloaded` is not a
 * function.
 * @remarks Netflix's concurrency-limits (https://github.com/Netflix/concurrency-limits) and Envoy's adaptive concurrency
 * (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter) compare latency with
 * the best. DCTCP (RFC 8257) cuts in proportion to the share of marked packets, and TCP grows in two phases (RFC 5681).
 *
 * @example
 * ```ts
 * import { mergeMap, range, timer } from 'rxjs';
 * import { adaptive, bulkhead } from 'forkfast';
 *
 * const limit = adaptive({ min: 2, max: 100 });
 * const database = bulkhead(limit);
 *
 * const calls = range(100).pipe(mergeMap(() => timer(1).pipe(database)));
 * calls.subscribe({ complete: () => console.log(limit.current > 2) }); // => true
 * ```
 */
export function adaptive(config: AdaptiveConfig): AdaptiveLimit {
  const { min = 1, max, overloaded = saysOverloaded } = Object(config) as AdaptiveConfig;
  assertPositiveInteger('adaptive: min', min);
  assertPositiveInteger('adaptive: max', max);
  if (max < min) {
    throw new RangeError(
      `${mismatch('adaptive: max', `at least min, which is ${String(min)}`, max)}: pass a larger max`,
    );
  }
  if (typeof overloaded !== 'function') {
    throw new TypeError(`${mismatch('adaptive: overloaded', 'a function', overloaded)}: pass (error) => a boolean`);
  }
  return new LearningLimit(min, max, overloaded);
}

/** The calls that started and ended under the same limit. */
class Round {
  completed = 0;
  /** The calls that failed because of overload. A rejection that came quickly held a place for a part of the time only. */
  overloaded = 0;
  /** The sum of the latencies of the completed calls, in milliseconds. */
  latency = 0;
  /** Whether the limit was reached. */
  full = false;
  /** The number of calls after which the round ends. */
  size: number;
  /** Whether the round was made longer, because it looked slow. */
  long = false;

  constructor(limit: number) {
    this.size = Math.max(5, Math.floor(limit));
  }
}

class LearningLimit implements AdaptiveLimit {
  readonly #min: number;
  readonly #max: number;
  readonly #overloaded: (error: unknown) => boolean;
  #limit: number;
  /** Below this limit, the limit doubles. */
  #slowFrom = Infinity;
  /** The best mean latency: a mean, because single fast calls would make all others look slow. */
  #best = Infinity;
  /** The last fall because of latency, until the next round shows whether it helped. */
  #fall: { readonly limit: number; readonly latency: number; readonly expected: number } | undefined;
  #round: Round;

  constructor(min: number, max: number, overloaded: (error: unknown) => boolean) {
    this.#min = min;
    this.#max = max;
    this.#overloaded = overloaded;
    this.#limit = min;
    this.#round = new Round(min);
  }

  get current(): number {
    return Math.floor(this.#limit);
  }

  sourceStarted({ running, deadline }: StartedSource): (end: SourceEnd) => void {
    const round = this.#round;
    const startedAt = asyncScheduler.now();
    if (running >= this.current) round.full = true;
    let ended = false;
    return (end) => {
      if (ended) return;
      ended = true;
      if (round === this.#round) this.#add(end, startedAt, deadline); // a call of an earlier limit says nothing of this one
    };
  }

  #add(end: SourceEnd, startedAt: number, deadline: number): void {
    const round = this.#round;
    const now = asyncScheduler.now();
    const elapsed = Math.max(0, now - startedAt); // the clock may be set back
    if (end === 'completed') {
      round.completed++;
      round.latency += Math.min(elapsed, 4 * this.#best + 4); // a single slow call must not decide
    } else if (end === 'unsubscribed' ? now >= deadline - 1 : this.#overloaded(end.error)) {
      // A timer may be a millisecond early.
      const whole = elapsed >= this.#best || this.#best === Infinity;
      round.overloaded += whole ? 1 : Math.max(0.1, elapsed / this.#best);
    }
    if (round.completed + round.overloaded >= round.size) this.#endRound();
  }

  #endRound(): void {
    const { completed, overloaded, full, long } = this.#round;
    const latency = completed > 0 ? this.#round.latency / completed : undefined;
    if (latency !== undefined && this.#isSlow(latency) && !this.#fall && !long) {
      this.#round.size = Math.max(40, 2 * this.#round.size); // a few calls may be slow by chance
      this.#round.long = true;
      return;
    }
    if (latency !== undefined) this.#learn(latency, completed);
    const limit = this.#limit;
    const slow = latency !== undefined && this.#isSlow(latency);
    const withoutQueue = slow ? (limit * this.#best) / latency : limit; // Little's law
    let next = withoutQueue * (completed / (completed + overloaded));
    if (next < limit && limit > this.#min) this.#slowFrom = (next + limit) / 2;
    if (slow) next *= 0.9;
    else if (full) next = limit < this.#slowFrom ? Math.min(2 * next, this.#slowFrom) : next + Math.sqrt(limit) / 10;
    this.#limit = Math.min(this.#max, Math.max(this.#min, next));
    if (slow) this.#fall = { limit, latency, expected: (latency * this.#limit) / limit };
    this.#round = new Round(this.#limit);
  }

  #isSlow(latency: number): boolean {
    return latency > 2 * this.#best + 1; // the clock counts whole milliseconds
  }

  #learn(latency: number, completed: number): void {
    const fall = this.#fall;
    this.#fall = undefined;
    if (fall && latency > Math.sqrt(fall.latency * fall.expected)) {
      this.#best = latency; // fewer calls were not faster
      this.#slowFrom = this.#limit = Math.max(this.#limit, fall.limit);
    } else if (this.#best === Infinity || this.current === this.#min) {
      this.#best = latency;
    } else {
      // Slowly, and upwards more slowly: the minimum of many means is not a measure of the next mean.
      const weight = Math.min(1, completed / 20) * (latency < this.#best ? 0.25 : 0.005);
      this.#best += (latency - this.#best) * weight;
    }
  }
}
