import { asyncScheduler, catchError, defer, mergeMap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import { forkJoin, of, range, tap } from 'rxjs';
import { marbles } from 'forkfast/testing';

export interface Outcome {
  /** Milliseconds, in ascending order. */
  readonly durations: readonly number[];
  /** The requests that the hedges added, as a share of the questions. */
  readonly extra: number;
}

/**
 * Asks `questions` times in virtual time, with 20 in flight. Each question sends `fanOut` hedged requests, and waits for all of
 * them or a failure.
 */
export function simulate(
  service: () => Observable<unknown>,
  hedged: MonoTypeOperatorFunction<unknown>,
  { questions = 4_000, fanOut = 1 } = {},
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
      return forkJoin(Array<typeof request>(fanOut).fill(request)).pipe(
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
