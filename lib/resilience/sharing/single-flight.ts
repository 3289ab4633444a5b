import type { Context } from '../../core/context.ts';
import { fromAbortable } from '../../core/from-abortable.ts';
import type { Service, ServiceLike } from '../../core/service.ts';
import { contextKey, inputKey, type KeyConfig, type KeyHint, type KeyInput } from './keys.ts';
import { shareByKey } from './share-by-key.ts';
import { sharedContext } from './shared-call.ts';

/**
 * Shares one call of a service among all callers that call it with the same input at the same time.
 *
 * Emits the last value of the service to each caller, and errors with the error of the service. The shared call belongs to no
 * caller: it has no deadline and a signal of its own, so one caller's end does not end the others. It is canceled when its last
 * subscriber unsubscribes. A caller whose `ctx.signal` aborts receives a `CanceledError`. Answers are not kept.
 *
 * Each caller is notified in its own async context (`AsyncLocalStorage`, the active span). The service runs in the context of the
 * first caller.
 *
 * No caller joins a call for which another caller has waited in vain until its deadline, its aggregate's timeout or the
 * `AbortSignal.timeout` of its signal: the service is called again. The callers that wait for the old call keep it.
 *
 * A call that waits for itself, directly or through other calls that receive its context, errors at once with a `TypeError`
 * that shows the circle.
 *
 * Callers share a call if their inputs are equal (`key` decides for objects) **and** all fields of their contexts are equal,
 * except `signal` and `deadline`. `propagate` is compared by content, objects by identity. So callers with different credentials
 * never share a call.
 *
 * ```text
 * service   ---a|           called once
 * first     ---a|
 * second     --a|           joins
 * third     -!              unsubscribes: the others wait on
 * ```
 *
 * @param service - The service to call. It returns an Observable or a promise.
 * @param config - `key`: makes a primitive of an input. Required if the inputs are not primitives.
 * @throws TypeError if `service` or `key` is not a function.
 * @remarks Go's `golang.org/x/sync/singleflight`.
 *
 * @example
 * ```ts
 * import { map, timer } from 'rxjs';
 * import { background, singleFlight } from 'forkfast';
 *
 * let calls = 0;
 * const profile = singleFlight((_ctx, id: number) => timer(1).pipe(map(() => `profile ${id}, call ${++calls}`)));
 *
 * profile(background, 42).subscribe(console.log); // => profile 42, call 1
 * profile(background, 42).subscribe(console.log); // => profile 42, call 1
 * ```
 */
export function singleFlight<In, Out, Ctx extends Context = Context>(
  service: ServiceLike<In, Out, Ctx>,
  config: KeyConfig<In>,
): Service<In, Out, Ctx>;
export function singleFlight<In = void, Out = unknown, Ctx extends Context = Context>(
  service: ServiceLike<In, Out, Ctx> & KeyHint<NoInfer<In>>,
  config?: Partial<KeyConfig<In>>,
): Service<KeyInput<In>, Out, Ctx>;
export function singleFlight<In, Out, Ctx extends Context>(
  service: ServiceLike<In, Out, Ctx>,
  config?: Partial<KeyConfig<In>>,
): Service<In, Out, Ctx> {
  const keyOf = inputKey('singleFlight', service, config);
  const share = shareByKey({ keepAnswers: false });
  return (ctx, input) =>
    fromAbortable(ctx, () => {
      const inputKey = keyOf(input);
      const key = JSON.stringify([inputKey, contextKey(ctx)]);
      return share(key, ctx, { combinator: 'singleFlight', service, ctx: sharedContext(ctx), input, inputKey });
    });
}
