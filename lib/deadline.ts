import { asyncScheduler, identity, NEVER, type Observable, queueScheduler, raceWith, switchMap, timeout } from 'rxjs';
import type { Scope } from './scope.ts';

/** Errors where its source has not emitted by the deadline. */
export type Bound = <T>(source: Observable<T>) => Observable<T>;

/**
 * The deadline's timer: set when its source has been subscribed to, so that a value at the deadline wins; and to the moment,
 * not for what remained before that, since the source may have taken its time.
 */
export function within(deadline: number, remaining: number): Bound {
  if (remaining >= 2 ** 31) return identity; // a timer would fire at once
  return timeout(remaining > 0 ? { first: new Date(Math.ceil(deadline)) } : { first: 0, scheduler: queueScheduler });
}

/**
 * The deadline of a run inside `outer`. While that keeps the same one or a sooner one there is no timer: it will say that
 * it was this service that was pending.
 */
export function leftTo(outer: Scope, deadline: number): Bound {
  const clock = outer
    .released(deadline)
    .pipe(switchMap(() => within(deadline, deadline - asyncScheduler.now())(NEVER)));
  return (source) => source.pipe(raceWith(clock));
}
