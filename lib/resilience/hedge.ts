import { type MonoTypeOperatorFunction, Observable, type Subscriber, Subscription, take, timer } from 'rxjs';
import { assertPositiveInteger, assertTimerMs, hasMethod, mismatch } from '../core/assert.ts';
import { read } from '../errors/foreign.ts';
import type { Latency } from './latency.ts';
import { assertRetryBudget, type RetryBudget } from './retry-budget.ts';

/** When {@link hedge} starts another attempt. */
export interface HedgeConfig {
  /**
   * Milliseconds without a value before another attempt starts, or {@link latency}, which learns them. Before it has learned
   * enough, no other attempt starts.
   */
  readonly after: number | Latency;
  /**
   * The highest number of attempts, including the first.
   *
   * @defaultValue 2
   */
  readonly attempts?: number;
  /**
   * Limits the extra attempts. An attempt that is due while the budget is used up is skipped.
   *
   * Each subscription counts as a first attempt, also where many share one Observable. When a `retry` behind the hedge
   * subscribes again, that does not count.
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
 * @throws RangeError if `after` is neither from 0 up to 2^31 nor a `Latency`, or `attempts` is not a positive integer; TypeError
 * for an invalid `budget`.
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
  const { after, attempts = 2, budget } = Object(config) as HedgeConfig;
  const learned = learnedDelay(after);
  assertPositiveInteger('hedge: attempts', attempts);
  assertRetryBudget('hedge: budget', budget);
  return (source) => {
    const first = learned ? learned.measure(source) : source;
    /** How many hedges of a question have failed. A `retry` behind the hedge subscribes again after each. */
    const failed = new WeakMap<object, number>();
    return new Observable((subscriber) => {
      const question = budget && lastSubscriber(subscriber);
      const retries = question && failed.get(question);
      if (retries) failed.set(question, retries - 1);
      else budget?.recordFirstAttempt('hedge');
      /** The timer and the attempts, until an attempt wins. */
      const race = new Subscription();
      subscriber.add(race);
      let running = 0;
      let winner: Subscriber<T> | undefined;

      const startAttempt = (attempted: Observable<T>): void => {
        let attempt: Subscriber<T>;
        running++;
        new Observable<T>((created) => {
          attempt = created; // assigned before subscribing, so that a synchronous value can win
          race.add(attempt);
          attempted.subscribe(attempt);
        }).subscribe({
          next: (value) => {
            if (winner === undefined) win(attempt);
            if (attempt === winner) subscriber.next(value); // the teardown of a loser may make another loser emit
          },
          error: (error: unknown) => {
            if (!endsHedge(attempt)) return;
            if (question) failed.set(question, (failed.get(question) ?? 0) + 1);
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

      const delay = learned ? learned.estimate() : (after as number);
      startAttempt(first);
      if (delay === undefined) return;
      race.add(
        timer(delay, delay)
          .pipe(take(attempts - 1))
          .subscribe(() => {
            if (budget?.tryAcquire() ?? true) startAttempt(source);
          }),
      );
    });
  };
}

function learnedDelay(after: number | Latency): Latency | undefined {
  if (typeof read(after, 'measure') === 'function') return after as Latency;
  if (Object(after) !== after) {
    assertTimerMs('hedge: after', after, 0);
    return undefined;
  }
  throw new RangeError(`${mismatch('hedge: after', 'milliseconds or a Latency', after)}: make one with latency(0.95)`);
}

/**
 * The subscriber at the end of the chain of operators. It stays the same when a `retry` subscribes again, and is another one for
 * another caller. RxJS has no public way to know: without the field `destination`, a retry counts as a first attempt.
 */
function lastSubscriber(subscriber: object): object {
  let last = subscriber;
  for (let next: unknown = last; hasMethod(next, 'unsubscribe'); next = read(last, 'destination'))
    last = next as object;
  return last;
}
