import { withoutSignal } from '../core/abort.ts';
import type { Context } from '../core/context.ts';
import { fromAbortable } from '../core/from-abortable.ts';
import { rootRunOf, type RunHandle } from '../core/run-handle.ts';
import type { Service } from '../core/service.ts';
import { inputKey, type KeyConfig, type Primitive, shareByKey, type ShareByKey } from './share-by-key.ts';

/**
 * Asks a service at most once per input within one run, however many services of the run depend on it: shared by all of
 * them.
 *
 * Emits the answer (the last value) to each who asks, and keeps it for the run, which is the outermost aggregate. It is asked
 * on that run's context, and so with its credentials, whatever else the context of who asks carries. A failure is not kept, so
 * that a retry asks again; it ends when the last who waits has gone. Outside a run it is the service itself.
 *
 * ```text
 * profile   --p|              asked once
 * orders    --                asks for the profile, then
 *             ---o|           for its orders
 * run       -----(r|)         { profile, orders }
 * ```
 *
 * @param service - What is asked.
 * @param config - `key`: what of an input tells it from others; a primitive. Not needed for primitive inputs.
 * @throws TypeError where `service` or `key` is no function.
 * @remarks DataLoader's cache for one request (https://github.com/graphql/dataloader).
 *
 * @example
 * ```ts
 * import { map, of, switchMap } from 'rxjs';
 * import { aggregate, background, type Context, perRun } from 'forkfast';
 *
 * let asked = 0;
 * const profile = perRun((_ctx, id: number) => of({ accountId: id * 10, asked: ++asked }));
 * const orders = (ctx: Context, id: number) =>
 *   profile(ctx, id).pipe(switchMap(({ accountId }) => of(`orders of ${accountId}`)));
 *
 * aggregate({ profile, orders })(background, 42).subscribe(console.log);
 * // => { profile: { accountId: 420, asked: 1 }, orders: 'orders of 420' }
 * ```
 */
export function perRun<In, Out, Ctx extends Context = Context>(
  service: Service<In, Out, Ctx>,
  config: KeyConfig<In>,
): Service<In, Out, Ctx>;
export function perRun<In extends Primitive, Out, Ctx extends Context = Context>(
  service: Service<In, Out, Ctx>,
  config?: Partial<KeyConfig<In>>,
): Service<In, Out, Ctx>;
export function perRun<In, Out, Ctx extends Context>(
  service: Service<In, Out, Ctx>,
  config?: Partial<KeyConfig<In>>,
): Service<In, Out, Ctx> {
  const keyOf = inputKey('perRun', service, config);
  const shares = new WeakMap<RunHandle, ShareByKey>();
  return (ctx, input) => {
    const run = rootRunOf(ctx);
    if (run === undefined) return service(ctx, input);
    const share = shares.get(run) ?? shareByKey({ keepAnswers: true });
    shares.set(run, share);
    return fromAbortable(ctx, () =>
      share(keyOf(input), run.ctx, (signal) => service({ ...withoutSignal(run.ctx), signal } as Ctx, input)),
    );
  };
}
