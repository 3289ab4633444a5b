import { map, merge, NEVER, type Observable, of, ReplaySubject, takeUntil } from 'rxjs';
import { type AnyService, answers, asking, type ContextOf, type InputOf, type OutputOf } from './aggregate.ts';
import type { AggregateOption } from './options.ts';
import { type Bound, run } from './run.ts';
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
  const plan = asking(services, options);
  const join = (members: readonly Observable<unknown>[], bound: Bound): Observable<Partial<OutputOf<S>>> => {
    const latest: unknown[] = [];
    let missing = members.length;
    const picture = (): Partial<OutputOf<S>> => answers(services, plan.names, latest) as Partial<OutputOf<S>>;
    if (missing === 0) return of(picture());
    const whole = new ReplaySubject<void>(1); // synchronous services have emitted before anybody listens
    const pictures = members.map((member, index) =>
      member.pipe(
        map((value) => {
          if (!(index in latest) && --missing === 0) whole.next();
          latest[index] = value;
          return picture();
        }),
      ),
    );
    // The clock last: it starts when the services have, and stops when each has emitted.
    return merge(...pictures, bound(NEVER.pipe(takeUntil(whole))));
  };
  return (ctx, input) => run({ ...plan, join, growing: true }, ctx, input);
}
