import { asyncScheduler, catchError, defer, mergeMap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import { of, range, tap, timer } from 'rxjs';
import { marbles } from '../../lib/testing/index.ts';

/** Returns the same numbers from 0 to 1 for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns log-normal numbers with the given mean and standard deviation. */
export function logNormal(mean: number, deviation: number, random: () => number): () => number {
  const variance = Math.log(1 + (deviation / mean) ** 2);
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.exp(Math.log(mean) - variance / 2 + Math.sqrt(variance) * normal);
  };
}

/** The published workload of adaptive hedging: log-normal latencies with mean 5 ms, and 5 % of the requests take 10 times as long. */
export function stragglers(seed: number): () => Observable<unknown> {
  const random = seeded(seed);
  const base = logNormal(5, 2, random);
  return () => timer(base() * (random() < 0.05 ? 10 : 1));
}

export interface Outcome {
  /** Milliseconds, in ascending order. */
  readonly durations: readonly number[];
  /** The requests that the hedges added, as a share of the questions. */
  readonly extra: number;
}

/** Asks `questions` times in virtual time, with 20 in flight. Each question is `fanOut` hedged requests, and waits for all of them or a failure. */
export function simulate(
  service: () => Observable<unknown>,
  hedged: MonoTypeOperatorFunction<unknown>,
  { questions = 4_000, join = (request: Observable<unknown>) => request, fanOut = 1 } = {},
): Outcome {
  const durations: number[] = [];
  let requests = 0;
  marbles(({ flush }) => {
    const request = defer(() => {
      requests++;
      return service();
    }).pipe(hedged);
    const question = defer(() => {
      const startedAt = asyncScheduler.now();
      return join(request).pipe(
        catchError((error: unknown) => of(error)),
        tap(() => durations.push(asyncScheduler.now() - startedAt)),
      );
    });
    range(questions)
      .pipe(mergeMap(() => question, 20))
      .subscribe();
    flush();
  });
  durations.sort((a, b) => a - b);
  return { durations, extra: requests / (questions * fanOut) - 1 };
}

/** The smallest number that at least the share `quantile` of the sorted numbers does not exceed. */
export function quantileOf(sorted: readonly number[], quantile: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * quantile - 1e-9) - 1)] ?? NaN;
}
