import { forkJoin, of, timeout } from 'rxjs';
import { isPromiseLike, mismatch } from './assert.ts';
import type { Context } from './context.ts';
import { type AggregateConfig, type AggregateOption, configure } from './options.ts';
import { run } from './run.ts';
import { type NamedService, optionalKey, type RunPlan, type ServiceParts } from './run-handle.ts';
import type { ConflictHint, ContextOf, InputOf, Service, Services, ValueOf } from './service.ts';
import { isAnyObservable } from './service-call.ts';

/**
 * Makes one service of several: it calls all of them at once, and fails with the first error.
 *
 * Emits one record of the last value of each service (a tuple for a tuple), and completes. Errors with `ServiceError` when a
 * service fails first, with `DeadlineExceededError` at the deadline, and with `CanceledError` when the caller aborts `ctx.signal`. On
 * each of these early ends, and when the subscriber unsubscribes, the run unsubscribes from all services that still run, and
 * aborts their `ctx.signal`; the subscriber is notified last. After the end the run calls no service. Each subscription is a
 * run of its own.
 *
 * ```text
 * profile   --#
 * orders    --!               unsubscribed from in the same frame
 * run       --#               ServiceError
 * ```
 *
 * @param services - A record or a tuple of services. A service returns an Observable or a promise. An aggregate is a service
 * too, so aggregates nest. If services need several inputs or contexts, the aggregate needs the intersection of them.
 * @param options - `withTimeout`, `withLogger`, `withEvents`, `withConcurrency`, `withName`, `withFetch`, `withDeadlineHeader`.
 * @throws TypeError if `services` is not a record or a tuple, or if a service or an option is not a function.
 * @remarks The semantics are those of Go's `errgroup.WithContext` (https://pkg.go.dev/golang.org/x/sync/errgroup), with one
 * difference: the signal of a run that succeeds does not abort.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background } from 'forkfast';
 *
 * const dashboard = aggregate({
 *   profile: (_ctx, id: number) => of({ id, name: 'Alice' }),
 *   orders: async () => 5,
 * });
 *
 * dashboard(background, 42).subscribe(console.log); // => { profile: { id: 42, name: 'Alice' }, orders: 5 }
 * ```
 */
export function aggregate<const S extends Services<S>>(
  services: S & ConflictHint<S>,
  ...options: readonly AggregateOption[]
): Service<InputOf<S>, { -readonly [K in keyof S]: ValueOf<S[K]> }, ContextOf<S>> {
  return joinServices('aggregate', services, configure('aggregate', options), joinAll);
}

/** Emits the last values when all calls have completed, unless the deadline comes first. */
export const joinAll: Pick<RunPlan<never>, 'join' | 'emit'> = {
  emit: 'last',
  join: (calls, deadline) => (calls.length === 0 ? of([]) : forkJoin(calls).pipe(timeout(deadline))),
};

/** Makes the service that calls `services`, and joins their values as `joining` says. */
export function joinServices<In, Out, Ctx extends Context>(
  caller: string,
  services: unknown,
  config: AggregateConfig,
  joining: Pick<RunPlan<Out>, 'join' | 'emit'>,
): Service<In, Out, Ctx> {
  const entries = entriesOf(caller, services);
  const plan: RunPlan<Out> = {
    ...joining,
    config,
    services: entries,
    answer: (values) => answerOf(services, entries, values) as Out,
  };
  return (ctx, input) => run(plan, ctx, input);
}

/** The values so far, by name or in order. */
function answerOf(services: unknown, entries: readonly NamedService[], values: readonly unknown[]): unknown {
  if (Array.isArray(services)) return [...values];
  const record: Record<string, unknown> = {};
  entries.forEach(({ name }, index) => {
    if (!(index in values)) return;
    const value = values[index];
    // An assignment to `__proto__` would set the prototype.
    if (name === '__proto__')
      Object.defineProperty(record, name, { value, configurable: true, enumerable: true, writable: true });
    else record[name] = value;
  });
  return record;
}

/** Copies the entries, so that a later change of `services` changes no run. */
function entriesOf(caller: string, services: unknown): readonly NamedService[] {
  const fix = fixFor(services);
  if (fix) throw new TypeError(`${mismatch(caller, 'a record or a tuple of services', services)}: ${fix}`);
  const tuple = Array.isArray(services);
  const [symbol] = Object.getOwnPropertySymbols(services);
  if (symbol) throw new TypeError(`${caller}: expected names of services, got ${String(symbol)}: use a text`);
  // `Array.from` fills the holes of a tuple: an `undefined` is rejected.
  return Object.entries(tuple ? Array.from<unknown>(services) : (services as object)).map(
    ([key, service]: [string, unknown]) => {
      const name = tuple ? `[${key}]` : key;
      if (typeof service === 'function') {
        const { [optionalKey]: optional } = service as { readonly [optionalKey]?: ServiceParts };
        const call = (ctx: Context, input: unknown): unknown => service.call(services, ctx, input) as unknown;
        return { name, call: optional?.call ?? call, fallback: optional?.fallback };
      }
      const fix = isAnyObservable(service) ? '() => observable' : '(ctx, input) => an Observable or a promise';
      throw new TypeError(`${mismatch(`${caller}: ${name}`, 'a service', service)}: pass ${fix}`);
    },
  );
}

/** How to correct what is neither a record nor a tuple of services. */
function fixFor(services: unknown): string | undefined {
  if (typeof services === 'function') return 'give the service a name, as in { name: service }';
  if (typeof services !== 'object' || services === null) return 'pass { name: service }';
  if (isAnyObservable(services)) return 'wrap it in a service, as in { name: () => observable }';
  if (Array.isArray(services) || Object.keys(services).length > 0) return undefined;
  if (isPromiseLike(services)) return 'wrap it in a service, as in { name: () => promise }';
  const prototype: unknown = Object.getPrototypeOf(services);
  const isPlain = prototype === null || prototype === Object.prototype;
  return isPlain ? undefined : 'pass { name: service }, since the methods of a class are not called';
}
