import { type MonoTypeOperatorFunction, Observable, type Subscriber, Subscription, take, timer } from 'rxjs';
import { atLeast, positiveInteger } from '../check.ts';
import type { RetryBudget } from '../retry-budget.ts';

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
  /** A shared allowance: where it is used up, there is no further lane. */
  readonly budget?: RetryBudget;
}

/**
 * Asks again when no value has come within `after` ms: the first lane to emit wins, and the others are unsubscribed.
 *
 * Emits and completes as the winner does. A lane that fails (or completes without a value) counts only when no other is in
 * flight: then its error goes on. Unsubscribing ends all lanes in the same frame. For questions that may be asked twice.
 *
 * ```text
 * first    ----------a|
 * second      ---b|          starts after 3 ms
 * hedged   ------b|          hedge({ after: 3 }): the first is let go when the second emits
 * ```
 *
 * @throws RangeError for an `after` that is below 0, or `lanes` that are no positive integer.
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
  atLeast('hedge: after', after, 0);
  positiveInteger('hedge: lanes', lanes);
  return (source) =>
    new Observable((subscriber) => {
      budget?.attempted('hedge');
      const inFlight = new Set<Subscriber<T>>();
      const clock = new Subscription();
      let winner: Subscriber<T> | undefined;
      const leave = (stays?: Subscriber<T>): void => {
        for (const lane of inFlight) {
          if (lane === stays) continue;
          inFlight.delete(lane);
          lane.unsubscribe();
        }
      };
      subscriber.add(clock);
      subscriber.add(() => {
        leave();
      });
      const ask = (): void => {
        let lane: Subscriber<T>;
        new Observable<T>((own) => {
          lane = own; // in hand before the source runs: a synchronous winner ends the others
          inFlight.add(own);
          source.subscribe(own);
        }).subscribe({
          next: (value) => {
            try {
              if (winner === undefined) {
                winner = lane;
                clock.unsubscribe();
                leave(lane);
              }
            } finally {
              subscriber.next(value);
            }
          },
          error: (error: unknown) => {
            inFlight.delete(lane);
            if (inFlight.size === 0) subscriber.error(error);
          },
          complete: () => {
            inFlight.delete(lane);
            if (inFlight.size === 0) subscriber.complete();
          },
        });
      };
      ask();
      if (clock.closed) return;
      clock.add(
        timer(after, after)
          .pipe(take(lanes - 1))
          .subscribe(() => {
            if (budget?.allows() ?? true) ask();
          }),
      );
    });
}
