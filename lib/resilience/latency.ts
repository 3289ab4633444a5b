import { asyncScheduler, defer, type Observable, tap } from 'rxjs';
import { assertPositiveInteger, mismatch } from '../core/assert.ts';

/** The latency of one upstream, which {@link latency} makes. `hedge` calls its methods. */
export interface Latency {
  /** Returns a quantile of the latency in milliseconds, or `undefined` before there are enough answers. */
  estimate(): number | undefined;
  /** Mirrors a first attempt, and records how long it takes to emit its first value. */
  measure<T>(firstAttempt: Observable<T>): Observable<T>;
}

/**
 * Learns the latency of an upstream, for {@link hedge}: it hedges the share `1 - quantile` of the requests.
 *
 * Make one for each upstream, and keep it. It learns from first attempts: how long each took to emit its first value. An
 * attempt that lost against its hedge, failed or was unsubscribed has taken at least as long as it ran, and counts so. If too
 * many attempts never answer, the estimate is the longest latency of an answer.
 *
 * It forgets in windows of 30 seconds: the current window and the one before count. A window with fewer than `least` answers
 * lasts longer. The estimate is in whole milliseconds and at least 1, as RxJS's clock counts. It is exact below 128 ms, and at
 * most 1/64 too high above. The memory has a bound of 27 kB.
 *
 * @param quantile - Above 0 and below 1. With 0.95, `hedge` starts another attempt for the slowest 5 % of the requests.
 * @param config - `least` is the number of answers before the first estimate, 20 by default.
 * @throws RangeError if `quantile` is not above 0 and below 1, or `least` is not a positive integer.
 * @remarks The buckets are those of HdrHistogram (https://hdrhistogram.github.io/HdrHistogram/). The estimate is that of Kaplan
 * and Meier (1958) for times that are known only in part: without it, the hedge cuts off slow attempts, and the estimate sinks.
 *
 * @example
 * ```ts
 * import { defer, timer } from 'rxjs';
 * import { hedge, latency } from 'forkfast';
 *
 * const learned = latency(0.9, { least: 3 });
 * let requests = 0;
 * const service = defer(() => timer(++requests === 4 ? 60_000 : 5)); // the fourth request hangs
 * const hedged = service.pipe(hedge({ after: learned }));
 *
 * const callAgain = () => hedged.subscribe({ complete: () => (requests < 4 ? callAgain() : console.log(requests)) }); // => 5
 * callAgain();
 * ```
 */
export function latency(quantile: number, config: { readonly least?: number } = {}): Latency {
  const { least = 20 } = config;
  if (typeof quantile !== 'number' || !(quantile > 0 && quantile < 1)) {
    throw new RangeError(mismatch('latency: quantile', 'above 0 and below 1', quantile));
  }
  assertPositiveInteger('latency: least', least);
  let previous = new Attempts();
  let current = new Attempts();
  let startedAt = asyncScheduler.now();

  const forgetOldAttempts = (): void => {
    const now = asyncScheduler.now();
    startedAt = Math.min(startedAt, now); // the clock was set back
    if (now - startedAt < windowMs || current.answered < least) return;
    previous = current;
    current = new Attempts();
    startedAt = Math.max(startedAt + windowMs, now - windowMs);
  };
  return {
    estimate: () => {
      forgetOldAttempts();
      if (previous.answered + current.answered < least) return undefined;
      return Math.max(1, highestOf(bucketAt(quantile, previous, current)));
    },
    measure: (firstAttempt) =>
      defer(() => {
        const subscribedAt = asyncScheduler.now();
        let recorded = false;
        const record = (answered: boolean): void => {
          if (recorded) return;
          recorded = true;
          forgetOldAttempts();
          current.record(asyncScheduler.now() - subscribedAt, answered);
        };
        return firstAttempt.pipe(
          tap({
            next: () => {
              record(true);
            },
            finalize: () => {
              record(false);
            },
          }),
        );
      }),
  };
}

const windowMs = 30_000;
const bucketCount = 1_664;

/** The attempts of a window, counted in buckets. */
class Attempts {
  answered = 0;
  total = 0;
  /** Two counts for each bucket: the answers, and the attempts that ended without one. */
  readonly #counts = new Uint32Array(2 * bucketCount);

  record(ms: number, answered: boolean): void {
    const index = 2 * bucketOf(ms) + (answered ? 0 : 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.total++;
    if (answered) this.answered++;
  }

  answersIn(bucket: number): number {
    return this.#counts[2 * bucket] ?? 0;
  }

  totalIn(bucket: number): number {
    return this.answersIn(bucket) + (this.#counts[2 * bucket + 1] ?? 0);
  }
}

/** The bucket below which the share `quantile` of the attempts would have answered, or the last one with an answer. */
function bucketAt(quantile: number, previous: Attempts, current: Attempts): number {
  let running = previous.total + current.total;
  let unanswered = 1;
  let last = 0;
  for (let bucket = 0; running > 0 && unanswered > 1 - quantile + 1e-9; bucket++) {
    const answers = previous.answersIn(bucket) + current.answersIn(bucket);
    if (answers > 0) last = bucket;
    unanswered *= 1 - answers / running;
    running -= previous.totalIn(bucket) + current.totalIn(bucket);
  }
  return last;
}

/** One bucket for each millisecond below 128, and 64 buckets for each doubling from there on, up to 2^31 ms. */
function bucketOf(ms: number): number {
  const whole = Math.min(Math.max(Math.ceil(ms), 0), 2 ** 31 - 1); // the clock may be set back
  const shift = Math.max(0, 25 - Math.clz32(whole));
  return shift * 64 + (whole >>> shift);
}

/** The longest time in a bucket, in milliseconds. */
function highestOf(bucket: number): number {
  const shift = Math.max(0, (bucket >>> 6) - 1);
  return (bucket - shift * 64 + 1) * 2 ** shift - 1;
}
