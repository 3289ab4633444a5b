import { defer } from 'rxjs';
import { joinAll, joinServices } from './aggregate.ts';
import { assertService, mismatch } from './assert.ts';
import type { Context } from './context.ts';
import { type AggregateOption, configure } from './options.ts';
import { optionalKey, type ServiceParts } from './run-handle.ts';
import type { Service, ServiceLike } from './service.ts';

/**
 * Makes a service that calls another service once for each of many inputs, and fails with the first error.
 *
 * Emits one array of the last values, in the order of the inputs, and completes. For no inputs it emits `[]` at once. Errors and
 * cancels as `aggregate` does; a `ServiceError` names the input by its index, as in `orders[3]` if `orders` is the name of this
 * service. `withConcurrency` bounds the calls in flight: calls that are queued when another one fails never start.
 *
 * ```text
 * 0         --a|
 * 1         -b|
 * each      --(r|)            [a, b]
 * ```
 *
 * @param service - Called once for each input. It returns an Observable or a promise.
 * @param options - As for `aggregate`.
 * @throws TypeError if `service` or an option is not a function. The Observable errors with a TypeError if the input is not an
 * array.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregateEach, background, withConcurrency } from 'forkfast';
 *
 * const squares = aggregateEach((_ctx, n: number) => of(n * n), withConcurrency(2));
 *
 * squares(background, [1, 2, 3]).subscribe(console.log); // => [ 1, 4, 9 ]
 * ```
 */
export function aggregateEach<In, Out, Ctx extends Context = Context>(
  service: ServiceLike<In, Out, Ctx>,
  ...options: readonly AggregateOption[]
): Service<readonly In[], Out[], Ctx> {
  assertService('aggregateEach: service', service);
  const config = configure('aggregateEach', options);
  return (ctx, inputs) =>
    defer(() => {
      if (!Array.isArray(inputs)) {
        throw new TypeError(`${mismatch('aggregateEach', 'an array of inputs', inputs)}: pass one input for each call`);
      }
      const services = Array.from(inputs, (input: In) => serviceFor(service, input));
      return joinServices<void, Out[], Ctx>('aggregateEach', services, config, joinAll)(ctx);
    });
}

/** The service for one input. An optional service stays optional. */
function serviceFor<In, Out, Ctx extends Context>(
  service: ServiceLike<In, Out, Ctx> & { readonly [optionalKey]?: ServiceParts },
  input: In,
): ServiceLike<void, Out> {
  const { [optionalKey]: optional } = service;
  const parts = optional && {
    call: (ctx: Context) => optional.call(ctx, input),
    fallback: (error: unknown) => optional.fallback?.(error, input),
  };
  return Object.assign((ctx: Context) => service(ctx as Ctx, input), parts && { [optionalKey]: parts });
}
