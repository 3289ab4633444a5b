import { defer } from 'rxjs';
import type { Context } from '../../core/context.ts';
import { fromAbortable } from '../../core/from-abortable.ts';
import { rootRunOf } from '../../core/run-handle.ts';
import type { Service, ServiceLike } from '../../core/service.ts';
import { toObservable } from '../../core/service-call.ts';
import { inputKey, type KeyConfig, type KeyHint, type KeyInput } from './keys.ts';
import { shareByKey, type ShareByKey } from './share-by-key.ts';

/**
 * Calls a service at most once per input within one run, and shares its answer among all services of the run.
 *
 * Emits the last value of the service, and keeps it until the outermost run ends. The service receives the context of the
 * outermost run, and so its credentials, whatever context the callers pass: TypeScript does not check that this context has the
 * fields that the service needs. Errors with the error of the service. An error is
 * not kept, so a retry calls the service again. The call is canceled when its last subscriber unsubscribes. Outside a run, each
 * subscription calls the service.
 *
 * As with `singleFlight`, each subscriber is notified in its own async context, no subscriber joins a call for which a nested run
 * has waited for its whole timeout, and a call that waits for itself errors at once with a `TypeError` that shows the circle.
 *
 * ```text
 * profile   --p|              called once
 * orders    --                subscribes to the profile, and then
 *             ---o|           to its orders
 * run       -----(r|)         { profile, orders }
 * ```
 *
 * @param service - The service to call. It returns an Observable or a promise.
 * @param config - `key`: makes a primitive of an input. Required if the inputs are not primitives.
 * @throws TypeError if `service` or `key` is not a function.
 * @remarks DataLoader's cache for one request (https://github.com/graphql/dataloader).
 *
 * @example
 * ```ts
 * import { of, switchMap } from 'rxjs';
 * import { aggregate, background, type Context, perRun } from 'forkfast';
 *
 * let calls = 0;
 * const profile = perRun((_ctx, id: number) => of({ accountId: id * 10, calls: ++calls }));
 * const orders = (ctx: Context, id: number) =>
 *   profile(ctx, id).pipe(switchMap(({ accountId }) => of(`orders of ${accountId}`)));
 *
 * aggregate({ profile, orders })(background, 42).subscribe(console.log);
 * // => { profile: { accountId: 420, calls: 1 }, orders: 'orders of 420' }
 * ```
 */
export function perRun<In, Out, Ctx extends Context = Context>(
  service: ServiceLike<In, Out, Ctx>,
  config: KeyConfig<In>,
): Service<In, Out, Ctx>;
export function perRun<In = void, Out = unknown, Ctx extends Context = Context>(
  service: ServiceLike<In, Out, Ctx> & KeyHint<NoInfer<In>>,
  config?: Partial<KeyConfig<In>>,
): Service<KeyInput<In>, Out, Ctx>;
export function perRun<In, Out, Ctx extends Context>(
  service: ServiceLike<In, Out, Ctx>,
  config?: Partial<KeyConfig<In>>,
): Service<In, Out, Ctx> {
  const keyOf = inputKey('perRun', service, config);
  const shares = new WeakMap<object, ShareByKey>();
  return (ctx, input) => {
    const run = rootRunOf(ctx);
    if (run === undefined) return defer(() => toObservable(service(ctx, input)));
    const share = shares.get(run.lifetime) ?? shareByKey({ keepAnswers: true });
    shares.set(run.lifetime, share);
    return fromAbortable(ctx, () => {
      const key = keyOf(input);
      return share(key, ctx, { combinator: 'perRun', service, ctx: run.ctx, input, inputKey: key });
    });
  };
}
