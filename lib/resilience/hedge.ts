import { type MonoTypeOperatorFunction, Observable, type Subscriber, Subscription, take, timer } from 'rxjs';
import { assertTimerMs, hasMethod, describeType, assertPositiveInteger } from '../core/assert.ts';
import type { RetryBudget } from './retry-budget.ts';

/** When {@link hedge} asks again. */
export interface HedgeConfig {
  /** Milliseconds without a value after which the source is asked once more: its 95th percentile is a good start. */
  readonly after: number;
  /**
   * How often the source is asked at the most.
   *
   * @defaultValue 2
   */
  readonly lanes?: number;
  /** A shared allowance: who first subscribes counts as a first attempt; while it is used up, there is no further lane. */
  readonly budget?: RetryBudget;
}

/**
 * Asks again when no value has come within `after` ms: the first lane to emit wins, and the others are unsubscribed.
 *
 * Emits and completes as the winner does. A lane that fails (or completes without a value) counts only when no other is in
 * flight: then its error goes on. Unsubscribing ends all lanes in the same frame. For questions that may be asked twice: it
 * does not look at the method of a request.
 *
 * ```text
 * first    ----------a|
 * second      ---b|          starts after 3 ms
 * hedged   ------b|          hedge({ after: 3 }): the first is let go when the second emits
 * ```
 *
 * @throws RangeError for an `after` that is below 0, or `lanes` that are no positive integer; TypeError for no budget.
 * @remarks "The Tail at Scale" (Dean and Barroso, 2013): hedged requests.
 *
 * @example
 * ```ts
 * import { defer, NEVER, of } from 'rxjs';
 * import { hedge } from 'forkfast';
 *
 * let asked = 0;
 * const replica = defer(() => (++asked === 1 ? NEVER : of('from the second')));
 *
 * replica.pipe(hedge({ after: 5 })).subscribe(console.log); // => from the second
 * ```
 */
export function hedge<T>(config: HedgeConfig): MonoTypeOperatorFunction<T> {
  const { after, lanes = 2, budget } = config;
  assertTimerMs('hedge: after', after, 0);
  assertPositiveInteger('hedge: lanes', lanes);
  if (budget !== undefined && !hasMethod(budget, 'attempted'))
    throw new TypeError(`hedge: budget is what retryBudget() makes, not ${describeType(budget)}`);
  return (source) => {
    let uncounted = budget; // once: a retry around it subscribes again, and that is no first attempt
    return new Observable((subscriber) => {
      uncounted?.attempted('hedge');
      uncounted = undefined;
      /** The clock, and every lane until one has won. */
      const race = new Subscription();
      subscriber.add(race);
      let inFlight = 0;
      let winner: Subscriber<T> | undefined;
      const win = (lane: Subscriber<T>): void => {
        winner = lane;
        race.remove(lane);
        subscriber.add(lane);
        leave(race);
      };
      /** What a loser's teardown throws comes out as that of any other: when the subscriber is torn down. */
      const leave = (loser: Subscription): void => {
        try {
          loser.unsubscribe();
        } catch (error) {
          subscriber.add(() => {
            throw error;
          });
        }
      };
      const ask = (): void => {
        let lane: Subscriber<T>;
        const counts = (): boolean => {
          leave(lane); // before RxJS does it in the producer's stack
          return lane === winner || --inFlight === 0;
        };
        inFlight++;
        new Observable<T>((own) => {
          lane = own; // in hand before the source runs: a synchronous winner ends the others
          race.add(own);
          source.subscribe(own);
        }).subscribe({
          next: (value) => {
            if (winner === undefined) win(lane);
            if (lane === winner) subscriber.next(value); // not of a loser that another's teardown woke
          },
          error: (error: unknown) => {
            if (counts()) subscriber.error(error);
          },
          complete: () => {
            if (counts()) subscriber.complete();
          },
        });
      };
      ask();
      race.add(
        timer(after, after)
          .pipe(take(lanes - 1))
          .subscribe(() => {
            if (budget?.allows() ?? true) ask();
          }),
      );
    });
  };
}
