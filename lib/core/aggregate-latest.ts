import { from, map, mergeAll, type Observable, of, Subject, timeout } from 'rxjs';
import { joinServices } from './aggregate.ts';
import { type AggregateOption, configure } from './options.ts';
import type { Deadline } from './run-handle.ts';
import type { ConflictHint, ContextOf, InputOf, Service, Services, ValueOf } from './service.ts';

/**
 * Makes one service of several: it calls all of them at once, and emits their values as they come. Use it for pages that fill
 * in step by step.
 *
 * Emits the values so far, as a part of the record, each time when a service emits. Completes when all services have
 * completed. Errors and cancels as `aggregate` does; the timeout bounds the time until each service has emitted once.
 *
 * ```text
 * profile   --p--q|
 * orders    ---o|
 * latest    --abc-|           a { profile: p }, b { profile: p, orders: o }, c { profile: q, orders: o }
 * ```
 *
 * @param services - A record or a tuple of services, as for `aggregate`.
 * @param options - As for `aggregate`.
 * @throws TypeError if `services` is not a record or a tuple, or if a service or an option is not a function.
 * @remarks RxJS's `combineLatest` waits for the first value of each source. `aggregateLatest` does not wait.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregateLatest, background } from 'forkfast';
 *
 * const page = aggregateLatest({ profile: () => of('Alice'), orders: async () => 5 });
 *
 * page(background).subscribe(console.log);
 * // => { profile: 'Alice' }
 * // => { profile: 'Alice', orders: 5 }
 * ```
 */
export function aggregateLatest<const S extends Services<S>>(
  services: S & ConflictHint<S>,
  ...options: readonly AggregateOption[]
): Service<InputOf<S>, { -readonly [K in keyof S]?: ValueOf<S[K]> }, ContextOf<S>> {
  return joinServices('aggregateLatest', services, configure('aggregateLatest', options), {
    emit: 'each',
    join: joinLatest,
  });
}

/** Emits the values so far each time when a call emits, always in the same array. */
function joinLatest(calls: readonly Observable<unknown>[], deadline: Deadline): Observable<readonly unknown[]> {
  const values: unknown[] = [];
  if (calls.length === 0) return of(values);
  const allEmitted = new Subject<never>();
  const pending = new Set(calls.keys());
  const updates = calls.map((call, index) =>
    call.pipe(
      map((value) => {
        values[index] = value;
        if (pending.delete(index) && pending.size === 0) allEmitted.complete();
        return values;
      }),
    ),
  );
  // `mergeAll` subscribes to the deadline last, when the services have started. The timer stops when each has emitted.
  return from([...updates, allEmitted.pipe(timeout(deadline))]).pipe(mergeAll());
}
