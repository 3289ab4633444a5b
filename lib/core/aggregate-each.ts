import { defer } from 'rxjs';
import { aggregate } from './aggregate.ts';
import { describeType } from './assert.ts';
import type { Context } from './context.ts';
import { type AggregateOption, configure } from './options.ts';
import type { Service } from './service.ts';

/**
 * Asks one service for each of many inputs: a service that answers with the answers in the order of the inputs, or fails
 * with the first failure.
 *
 * Emits one array and completes; `[]` for no inputs, at once. Errors, ends and cancels as `aggregate` does; a `ServiceError`
 * names the input by its index, `orders[3]` where it is asked as `orders`. `withConcurrency` bounds what is in flight: what is
 * queued at a failure never starts.
 *
 * ```text
 * 0         --a|
 * 1         -b|
 * each      --(r|)            [a, b]
 * ```
 *
 * @param service - Asked once for each input.
 * @param options - As for `aggregate`.
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
  service: Service<In, Out, Ctx>,
  ...options: readonly AggregateOption[]
): Service<readonly In[], Out[], Ctx> {
  if (typeof service !== 'function') throw new TypeError(`aggregateEach: a service, not ${describeType(service)}`);
  configure(options);
  return (ctx, inputs) =>
    defer(() => {
      if (!Array.isArray(inputs))
        throw new TypeError(`aggregateEach: expected an array of inputs, not ${describeType(inputs)}`);
      const services = Array.from(inputs, (input: In) => (derived: Context) => service(derived as Ctx, input));
      return aggregate(services, ...options)(ctx);
    });
}
