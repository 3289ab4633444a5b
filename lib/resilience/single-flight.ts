import type { Observable } from 'rxjs';
import { detached } from '../core/run-handle.ts';
import type { Context } from '../core/context.ts';
import { fromAbortable } from '../core/from-abortable.ts';
import type { Service } from '../core/service.ts';
import { contextKey, inputKey, type KeyConfig, type Primitive, shareByKey } from './share-by-key.ts';

/**
 * Shares one run among all who ask the same at the same time; shared by all who ask the service that it returns.
 *
 * Emits the answer (the last value) to each who waits, and errors with the run's error. It is detached: it has the signal and
 * the deadline of nobody, so that no caller's end is another's; it ends when the last who waits has gone. Who unsubscribes
 * leaves alone, and so does who aborts, with `CanceledError`. What has been answered is not kept.
 *
 * The same is asked where the input is the same (`key` says so of objects) **and** every field of the context but `signal` and
 * `deadline`: `propagate` by its content, objects by identity. Callers with different credentials never share.
 *
 * ```text
 * asked     ---a|           once
 * first     ---a|
 * second     --a|           joins
 * third     -!              leaves: the others wait on
 * ```
 *
 * @param service - What is asked.
 * @param config - `key`: what of an input tells it from others; a primitive. Not needed for primitive inputs.
 * @throws TypeError where `service` or `key` is no function.
 * @remarks Go's `golang.org/x/sync/singleflight`.
 *
 * @example
 * ```ts
 * import { NEVER, timer, map } from 'rxjs';
 * import { background, singleFlight } from 'forkfast';
 *
 * let asked = 0;
 * const profile = singleFlight((_ctx, id: number) => timer(1).pipe(map(() => `${id}, asked ${++asked} times`)));
 *
 * profile(background, 42).subscribe(console.log); // => 42, asked 1 times
 * profile(background, 42).subscribe(console.log); // => 42, asked 1 times
 * ```
 */
export function singleFlight<In, Out, Ctx extends Context = Context>(
  service: Service<In, Out, Ctx>,
  config: KeyConfig<In>,
): Service<In, Out, Ctx>;
export function singleFlight<In extends Primitive, Out, Ctx extends Context = Context>(
  service: Service<In, Out, Ctx>,
  config?: Partial<KeyConfig<In>>,
): Service<In, Out, Ctx>;
export function singleFlight<In, Out, Ctx extends Context>(
  service: Service<In, Out, Ctx>,
  config?: Partial<KeyConfig<In>>,
): Service<In, Out, Ctx> {
  const keyOf = inputKey('singleFlight', service, config);
  const share = shareByKey({ keepAnswers: false });
  return (ctx, input) =>
    fromAbortable(ctx, () =>
      share(JSON.stringify([keyOf(input), contextKey(ctx)]), {}, inOwnContext(service, ctx, input)),
    );
}

/** Who asks first may go while others wait: nothing of it is kept but what its context carries. */
function inOwnContext<In, Out, Ctx extends Context>(
  service: Service<In, Out, Ctx>,
  ctx: Ctx,
  input: In,
): (signal: AbortSignal) => Observable<Out> {
  const { deadline, ...rest } = detached(ctx);
  return (signal) => service({ ...rest, signal } as unknown as Ctx, input);
}
