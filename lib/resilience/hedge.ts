import { type MonoTypeOperatorFunction, Observable, type Subscriber, Subscription, take, timer } from 'rxjs';
import { assertPositiveInteger, assertTimerMs } from '../core/assert.ts';
import { assertRetryBudget, type RetryBudget } from './retry-budget.ts';

/** When {@link hedge} starts another attempt. */
export interface HedgeConfig {
  /** Milliseconds without a value before another attempt starts. The 95th percentile of the latency is a good start. */
  readonly after: number;
  /**
   * The highest number of attempts, including the first.
   *
   * @defaultValue 2
   */
  readonly attempts?: number;
  /**
   * Limits the extra attempts. When the budget is used up, no further attempt starts.
   *
   * Each subscription counts as a first attempt, also where many share one Observable. A subscription that follows a failed one
   * does not count, because a `retry` behind the hedge subscribes again.
   */
  readonly budget?: RetryBudget;
}

/**
 * Subscribes to the source again if no value has come within `after` ms, and uses the attempt that emits first. Use it only for
 * requests that are safe to repeat: it does not look at the method.
 *
 * Emits and completes as the first attempt that emits. The other attempts are unsubscribed. If an attempt errors or completes
 * without a value while others are running, the hedge waits for the others. Errors or completes as the last attempt if no
 * attempt has emitted. Unsubscribing ends all attempts in the same frame.
 *
 * ```text
 * first    ----------a|
 * second      ---b|          starts after 3 ms
 * hedged   ------b|          hedge({ after: 3 }): the first is unsubscribed when the second emits
 * ```
 *
 * @throws RangeError if `after` is not from 0 up to 2^31, or `attempts` is not a positive integer; TypeError for an invalid
 * `budget`.
 * @remarks "The Tail at Scale" (Dean and Barroso, 2013): hedged requests.
 *
 * @example
 * ```ts
 * import { defer, NEVER, of } from 'rxjs';
 * import { hedge } from 'forkfast';
 *
 * let attempts = 0;
 * const replica = defer(() => (++attempts === 1 ? NEVER : of('from the second attempt')));
 *
 * replica.pipe(hedge({ after: 5 })).subscribe(console.log); // => from the second attempt
 * ```
 */
export function hedge<T>(config: HedgeConfig): MonoTypeOperatorFunction<T> {
  const { after, attempts = 2, budget } = config;
  assertTimerMs('hedge: after', after, 0);
  assertPositiveInteger('hedge: attempts', attempts);
  assertRetryBudget('hedge: budget', budget);
  return (source) => {
    /** Hedges that have failed. A `retry` behind the hedge subscribes again after each, which is not a first attempt. */
    let failed = 0;
    return new Observable((subscriber) => {
      if (failed > 0) failed--;
      else budget?.recordFirstAttempt('hedge');
      /** The timer and the attempts, until an attempt wins. */
      const race = new Subscription();
      subscriber.add(race);
      let running = 0;
      let winner: Subscriber<T> | undefined;

      const startAttempt = (): void => {
        let attempt: Subscriber<T>;
        running++;
        new Observable<T>((created) => {
          attempt = created; // assigned before subscribing, so that a synchronous value can win
          race.add(attempt);
          source.subscribe(attempt);
        }).subscribe({
          next: (value) => {
            if (winner === undefined) win(attempt);
            if (attempt === winner) subscriber.next(value); // the teardown of a loser may make another loser emit
          },
          error: (error: unknown) => {
            if (!endsHedge(attempt)) return;
            failed++;
            subscriber.error(error);
          },
          complete: () => {
            if (endsHedge(attempt)) subscriber.complete();
          },
        });
      };

      const win = (attempt: Subscriber<T>): void => {
        winner = attempt;
        race.remove(attempt);
        subscriber.add(attempt);
        tearDown(race);
      };

      /** Called when `attempt` errors or completes: returns whether the hedge ends with it. */
      const endsHedge = (attempt: Subscriber<T>): boolean => {
        tearDown(attempt); // RxJS would do it later, in the producer's stack
        return attempt === winner || --running === 0;
      };

      /** An error that a teardown throws must not replace the winner's value: it is thrown when the subscriber is torn down. */
      const tearDown = (subscription: Subscription): void => {
        try {
          subscription.unsubscribe();
        } catch (error) {
          subscriber.add(() => {
            throw error;
          });
        }
      };

      startAttempt();
      race.add(
        timer(after, after)
          .pipe(take(attempts - 1))
          .subscribe(() => {
            if (budget?.tryAcquire() ?? true) startAttempt();
          }),
      );
    });
  };
}
