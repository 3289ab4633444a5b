import { forkJoin, type Observable, of, timeout } from 'rxjs';
import { describeType } from './assert.ts';
import type { Context } from './context.ts';
import { type AggregateOption, configure } from './options.ts';
import { run } from './run.ts';
import type { RunPlan } from './run-handle.ts';
import type { AnyService, ContextOf, InputOf, OutputOf, Service } from './service.ts';

/**
 * Asks several services at once: a service that answers with all their answers, or fails with the first failure.
 *
 * Emits one record (a tuple for a tuple) of each service's last value, and completes. Errors with `ServiceError` on the
 * first failure, `DeadlineExceededError` at the deadline, and `CanceledError` when `ctx.signal` aborts. Before any of
 * them is notified, and on unsubscribing, every service that still runs is torn down, and then its `ctx.signal` aborts.
 * No service is called once the run is over. Each subscription is a run of its own.
 *
 * ```text
 * profile   --#
 * orders    --!               torn down in the same frame
 * run       --#               ServiceError
 * ```
 *
 * @param services - A record or a tuple of services. Aggregates are services, and nest.
 * @param options - `withTimeout`, `withLogger`, `withEvents`, `withConcurrency`, `withName`, `withFetch`.
 * @throws TypeError where a service or an option is no function.
 * @remarks The semantics are those of Go's `errgroup.WithContext` (https://pkg.go.dev/golang.org/x/sync/errgroup).
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background } from 'forkfast';
 *
 * const dashboard = aggregate({
 *   profile: (_ctx, id: number) => of({ id, name: 'Alice' }),
 *   orders: () => of(5),
 * });
 *
 * dashboard(background, 42).subscribe(console.log); // => { profile: { id: 42, name: 'Alice' }, orders: 5 }
 * ```
 */
export function aggregate<const S extends { readonly [K in keyof S]: AnyService }>(
  services: S,
  ...options: readonly AggregateOption[]
): Service<InputOf<S>, OutputOf<S>, ContextOf<S>> {
  const plan: RunPlan<OutputOf<S>> = {
    ...planOf(services, options),
    emit: 'last',
    join: (calls, deadline) => (calls.length === 0 ? of([]) : forkJoin(calls).pipe(timeout(deadline))),
  };
  return (ctx, input) => run(plan, ctx, input);
}

/** The part of a plan that does not depend on how the values are joined. */
export function planOf<Out>(
  services: unknown,
  options: readonly AggregateOption[],
): Omit<RunPlan<Out>, 'join' | 'emit'> {
  const config = configure(options);
  const entries = entriesOf(services);
  const names = entries.map(([name]) => name);
  return {
    config,
    names,
    call: (index, ctx, input) => entries[index]?.[1].call(services, ctx, input),
    answer: (values) => answerOf(services, names, values) as Out,
  };
}

/** The answers that there are, by name or in order. */
function answerOf(services: unknown, names: readonly string[], values: readonly unknown[]): unknown {
  if (Array.isArray(services)) return [...values];
  const record: Record<string, unknown> = {};
  for (const [index, name] of names.entries()) {
    if (!(index in values)) continue;
    const value = values[index];
    // Assigned, `__proto__` would be no key like any other.
    if (name === '__proto__')
      Object.defineProperty(record, name, { value, configurable: true, enumerable: true, writable: true });
    else record[name] = value;
  }
  return record;
}

/** A snapshot: what is done to `services` later changes nothing. */
function entriesOf(services: unknown): readonly (readonly [string, AnyService])[] {
  if (typeof services !== 'object' || services === null) {
    throw new TypeError(`aggregate: a record or a tuple of services, not ${describeType(services)}`);
  }
  const tuple = Array.isArray(services);
  const entries = Object.entries(services).map(([key, service]: [string, unknown]) => {
    const name = tuple ? `[${key}]` : key;
    if (typeof service !== 'function')
      throw new TypeError(`aggregate: ${name} is no service but ${describeType(service)}: pass (ctx) => an Observable`);
    return [name, service as AnyService] as const;
  });
  const prototype: unknown = Object.getPrototypeOf(services);
  if (entries.length === 0 && !tuple && prototype !== null && prototype !== Object.prototype) {
    throw new TypeError(
      `aggregate: ${describeType(services)} has no services of its own; methods of a class are not taken`,
    );
  }
  return entries;
}
