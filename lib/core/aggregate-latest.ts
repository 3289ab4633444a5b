import { from, map, mergeAll, type Observable, of, Subject, timeout } from 'rxjs';
import { planOf } from './aggregate.ts';
import type { AggregateOption } from './options.ts';
import { run } from './run.ts';
import type { Deadline, RunPlan } from './run-handle.ts';
import type { AnyService, ContextOf, InputOf, OutputOf, Service } from './service.ts';

/**
 * Asks several services at once, and shows the answers as they come: for pages that fill in.
 *
 * Emits the growing picture (a part of the record) whenever a service has emitted, and completes when all have completed.
 * Errors, ends and cancels as `aggregate` does; the timeout bounds the time until each service has emitted once.
 *
 * ```text
 * profile   --p--q|
 * orders    ---o|
 * latest    --abc-|           a { profile: p }, b { profile: p, orders: o }, c { profile: q, orders: o }
 * ```
 *
 * @param services - A record of services.
 * @param options - As for `aggregate`.
 * @throws TypeError where a service or an option is no function.
 * @remarks RxJS's `combineLatest`, without the wait for the first value of each.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregateLatest, background } from 'forkfast';
 *
 * const page = aggregateLatest({ profile: () => of('Alice'), orders: () => of(5) });
 *
 * page(background).subscribe(console.log);
 * // => { profile: 'Alice' }
 * // => { profile: 'Alice', orders: 5 }
 * ```
 */
export function aggregateLatest<const S extends { readonly [K in keyof S]: AnyService }>(
  services: S,
  ...options: readonly AggregateOption[]
): Service<InputOf<S>, Partial<OutputOf<S>>, ContextOf<S>> {
  const plan: RunPlan<Partial<OutputOf<S>>> = { ...planOf(services, options), emit: 'each', join: joinLatest };
  return (ctx, input) => run(plan, ctx, input);
}

/** Emits the values so far, always in the same array, whenever a call emits. */
function joinLatest(calls: readonly Observable<unknown>[], deadline: Deadline): Observable<readonly unknown[]> {
  const values: unknown[] = [];
  if (calls.length === 0) return of(values);
  const allEmitted = new Subject<never>();
  const pending = new Set(calls.keys());
  const pictures = calls.map((call, index) =>
    call.pipe(
      map((value) => {
        values[index] = value;
        if (pending.delete(index) && pending.size === 0) allEmitted.complete();
        return values;
      }),
    ),
  );
  // The deadline comes last: its timer is set when the services have started, and stops when each has emitted.
  return from([...pictures, allEmitted.pipe(timeout(deadline))]).pipe(mergeAll());
}
