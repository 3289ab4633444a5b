import { from, map, mergeAll, type Observable, of } from 'rxjs';
import { type AnyService, asking, type ContextOf, type InputOf, type OutputOf } from './aggregate.ts';
import type { Bound } from './deadline.ts';
import type { AggregateOption } from './options.ts';
import { type Plan, run } from './run.ts';
import type { Service } from './service.ts';

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
  const plan: Plan<Partial<OutputOf<S>>> = { ...asking(services, options), join: latest, growing: true };
  return (ctx, input) => run(plan, ctx, input);
}

function latest(
  members: readonly Observable<unknown>[],
  bound: Bound,
  whole: () => Observable<never>,
): Observable<readonly unknown[]> {
  const values: unknown[] = [];
  if (members.length === 0) return of(values);
  const pictures = members.map((member, index) =>
    member.pipe(
      map((value) => {
        values[index] = value;
        return values;
      }),
    ),
  );
  // The clock last: it starts when the services have, and stops when each has emitted.
  return from([...pictures, bound(whole())]).pipe(mergeAll());
}
