import {
  asyncScheduler,
  catchError,
  identity,
  map,
  NEVER,
  type Observable,
  queueScheduler,
  raceWith,
  timeout,
} from 'rxjs';
import type { Scope } from './scope.ts';

/** Errors where its source has not emitted by the deadline. */
export type Bound = <T>(source: Observable<T>) => Observable<T>;

/**
 * The deadline's timer: set when its source has been subscribed to, so that a value at the deadline wins; and to the moment,
 * not for what remained before that, since the source may have taken its time.
 */
export function within(deadline: number, remaining: number): Bound {
  if (remaining >= 2 ** 31) return identity; // a timer would fire at once
  return timeout(remaining > 0 ? { first: new Moment(Math.ceil(deadline)) } : { first: 0, scheduler: queueScheduler });
}

/** When `timeout` sets its timer it asks how far away a `Date` is: never in the past, of which Node warns. */
class Moment extends Date {
  override valueOf(): number {
    return Math.max(super.valueOf(), asyncScheduler.now() + 1);
  }
}

/**
 * {@link within}, for a run inside `outer`: while that keeps the same deadline or a sooner one it will say that it was this
 * service that was pending, and this one says nothing.
 */
export function leftTo(outer: Scope, deadline: number, bound: Bound): Bound {
  const late = (error: unknown): Observable<never> =>
    outer.released(deadline).pipe(
      map((): never => {
        throw error;
      }),
    );
  return (source) => source.pipe(raceWith(bound(NEVER).pipe(catchError(late))));
}
