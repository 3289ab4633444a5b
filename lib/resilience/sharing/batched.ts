import { Observable } from 'rxjs';
import { assertPositiveInteger, assertService, assertTimerMs } from '../../core/assert.ts';
import type { Context } from '../../core/context.ts';
import { fromAbortable } from '../../core/from-abortable.ts';
import type { Service } from '../../core/service.ts';
import { Batch, type LoadMany } from './batch.ts';
import { contextKey, inputKey, type KeyConfig, type KeyHint, type KeyInput } from './keys.ts';

/** When {@link batched} sends a batch. */
export interface BatchConfig {
  /**
   * Milliseconds from the first input of a batch to its call. 0 collects the inputs of one synchronous pass, such as those of an
   * aggregate that starts its services.
   *
   * @defaultValue 0
   */
  readonly window?: number;
  /**
   * The highest number of inputs in a batch. A full batch does not wait for the end of its window, and the next input starts
   * another batch.
   *
   * @defaultValue 100
   */
  readonly most?: number;
}

/**
 * Makes a service for one input of a service for many: inputs that callers pass at about the same time are loaded with one call.
 *
 * `loadMany` receives different inputs, and answers with an array of as many items, in the same order. Each caller receives the
 * item of its input. An item that is an `Error` fails the callers of its input alone. If `loadMany` fails, or answers with
 * something else than an array of that length, all callers of the batch fail. Answers are not kept.
 *
 * The call belongs to no caller: one caller's end does not end the others. A caller that leaves before the call is not in it. The
 * signal of the call aborts when all callers have left, and its deadline is the latest of the callers' deadlines, or none if a
 * caller has none. A caller whose `ctx.signal` aborts receives a `CanceledError`. Each caller is notified in its own async context
 * (`AsyncLocalStorage`, the active span), and `loadMany` runs in that of the first caller.
 *
 * Callers share a batch if all fields of their contexts are equal, except `signal` and `deadline`, as with `singleFlight`. So callers
 * with different credentials never share a call. A batch that waits for an equal batch errors with a `TypeError` that shows the
 * circle.
 *
 * ```text
 * profile(1)   ----a|
 * profile(2)    ---b|        within the window
 * loadMany       --x|        [1, 2] answered with [a, b]
 * ```
 *
 * @param loadMany - The service for many inputs. It returns an Observable or a promise.
 * @param config - The `window` and the size of a batch. `key`: makes a primitive of an input. Required if the inputs are not
 * primitives.
 * @throws TypeError if `loadMany` or `key` is not a function; RangeError if `window` is not from 0 up to 2^31, or `most` is not a
 * positive integer.
 * @remarks DataLoader (https://github.com/graphql/dataloader).
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background, batched, type Context } from 'forkfast';
 *
 * const profile = batched((_ctx: Context, ids: readonly number[]) => {
 *   console.log(`GET /profiles?ids=${ids.join()}`);
 *   return of(ids.map((id) => `user ${id}`));
 * });
 *
 * aggregate({ author: (ctx) => profile(ctx, 1), editor: (ctx) => profile(ctx, 2) })(background).subscribe(console.log);
 * // => GET /profiles?ids=1,2
 * // => { author: 'user 1', editor: 'user 2' }
 * ```
 */
export function batched<In, Out, Ctx extends Context = Context>(
  loadMany: LoadMany<In, Out, Ctx>,
  config: BatchConfig & KeyConfig<In>,
): Service<In, Out, Ctx>;
export function batched<In, Out, Ctx extends Context = Context>(
  loadMany: LoadMany<In, Out, Ctx> & KeyHint<NoInfer<In>>,
  config?: BatchConfig & Partial<KeyConfig<In>>,
): Service<KeyInput<In>, Out, Ctx>;
export function batched<In, Out, Ctx extends Context>(
  loadMany: LoadMany<In, Out, Ctx>,
  config: BatchConfig & Partial<KeyConfig<In>> = {},
): Service<In, Out, Ctx> {
  const { window = 0, most = 100 } = config;
  assertService('batched: loadMany', loadMany);
  assertTimerMs('batched: window', window, 0);
  assertPositiveInteger('batched: most', most);
  const keyOf = inputKey('batched', loadMany, config);
  const plan = { loadMany, window, most, table: {} };
  /** The batches that callers can join, by the key of their context. */
  const open = new Map<string, Batch>();

  const openBatch = (ctxKey: string, ctx: Context): Batch => {
    const batch = new Batch(plan, ctxKey, ctx, () => {
      if (open.get(ctxKey) === batch) open.delete(ctxKey);
    });
    open.set(ctxKey, batch);
    return batch;
  };

  return (ctx, input) =>
    fromAbortable(ctx, () => {
      const ctxKey = contextKey(ctx);
      const key = keyOf(input);
      return new Observable<Out>((subscriber) => {
        const existing = open.get(ctxKey);
        const batch = existing?.accepts(key) ? existing : openBatch(ctxKey, ctx);
        return batch.join(ctx, key, input, subscriber);
      });
    });
}
