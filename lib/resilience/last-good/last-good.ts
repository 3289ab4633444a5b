import { withoutSignal } from '../../core/abort/with-signal.ts';
import { assertPositiveInteger, hasMethod, mismatch } from '../../core/assert.ts';
import type { Context } from '../../core/context.ts';
import { abortable, fromAbortable } from '../../core/from-abortable.ts';
import { runOf } from '../../core/run-handle.ts';
import type { Service, ServiceLike } from '../../core/service.ts';
import { AnswerMemory, type AnswerStore } from './answers.ts';
import { answerKey } from './answer-key.ts';
import { LastGoodCall } from './last-good-call.ts';
import type { KeyConfig, KeyHint, KeyInput, Primitive } from '../sharing/keys.ts';

/** How long, how many and where {@link lastGood} keeps answers. */
export interface LastGoodConfig<Ctx extends Context = Context> {
  /** The highest age of an answer that may replace a failure, in milliseconds. */
  readonly maxAge: number;
  /**
   * The highest number of answers in memory. The oldest answer is dropped first.
   *
   * @defaultValue 1_000
   */
  readonly most?: number;
  /**
   * Returns a primitive that stands for all that an answer depends on beside the input, such as the user.
   *
   * @defaultValue all fields of the context except `signal` and `deadline`. An id that each request has of its own, as in
   * `ctx.propagate`, would keep callers from finding earlier answers.
   */
  readonly vary?: (ctx: Ctx) => Primitive;
  /**
   * Keeps the answers for other processes too: any Keyv store.
   *
   * @defaultValue none: answers are kept in memory only
   */
  readonly store?: AnswerStore;
  /**
   * The name with which the keys in the store begin. Two services that share a store need different names, or each would read
   * the answers of the other one.
   *
   * @defaultValue the name of the function `service`, which a minifier may change
   */
  readonly name?: string;
}

/**
 * Answers with the last good answer of a service when the service fails, or when the deadline of the run comes.
 *
 * Emits the last value of the service, and keeps it for `maxAge` ms. If the service errors, or has not completed at the deadline,
 * emits the value that is kept for the same input and the same context, and unsubscribes from the service. Without such a
 * value, errors with the error of the service. A value in memory is the same object each time: do not change it. An answer at the
 * deadline comes in the same millisecond, before the run fails. A cancellation is never replaced: `CanceledError` passes, and a
 * caller that leaves receives nothing.
 *
 * Each answer in place of the service is an event `stale` with the error and the `age`, a log line at `warn`, and an attribute of the
 * span and of the metrics.
 *
 * Callers share answers if their inputs are equal (`key` decides for objects) and all fields of their contexts are equal, except
 * `signal` and `deadline`; `vary` overrides that. So callers with different credentials never share. Keys are SHA-256 digests,
 * which contain no credentials. The answer to an earlier call never replaces the answer to a later one.
 *
 * With a `store`, the answer in the store is read at the start of each call, and the newer one counts. A service that fails
 * before the store has answered waits up to 100 ms for the store. A store that fails, or that takes longer, is reported as an event
 * `store-failed`, and changes no outcome. The store keeps what JSON can hold: any other value stays in memory, with such an event.
 *
 * ```text
 * service   --a|              kept
 * service   --#
 * answer    --(a|)            the last good one
 * ```
 *
 * @param service - The service to call. It returns an Observable or a promise, and completes.
 * @param config - `maxAge` and where the answers are kept. `key`: makes a primitive of an input. Required if the inputs are not
 * primitives.
 * @throws TypeError if `service`, `key` or `vary` is not a function, if `store` has no methods `get` and `set`, or if `name` is
 * not a string; RangeError if `maxAge` is not finite and above 0, or if `most` is not a positive integer.
 * @remarks `stale-if-error` of HTTP (https://www.rfc-editor.org/rfc/rfc5861).
 *
 * @example
 * ```ts
 * import { of, throwError } from 'rxjs';
 * import { aggregate, background, lastGood } from 'forkfast';
 *
 * let up = true;
 * const orders = lastGood((_ctx, id: number) => (up ? of(`5 orders of ${id}`) : throwError(() => new Error('down'))), {
 *   maxAge: 60_000,
 * });
 * const page = aggregate({ orders });
 *
 * page(background, 42).subscribe(console.log); // => { orders: '5 orders of 42' }
 * up = false;
 * page(background, 42).subscribe(console.log); // => { orders: '5 orders of 42' }
 * page(background, 43).subscribe({ error: (error) => console.log(error.message) }); // => orders: down
 * ```
 */
export function lastGood<In, Out, Ctx extends Context = Context>(
  service: ServiceLike<In, Out, Ctx>,
  config: LastGoodConfig<Ctx> & KeyConfig<In>,
): Service<In, Out, Ctx>;
export function lastGood<In = void, Out = unknown, Ctx extends Context = Context>(
  service: ServiceLike<In, Out, Ctx> & KeyHint<NoInfer<In>>,
  config: LastGoodConfig<Ctx> & Partial<KeyConfig<In>>,
): Service<KeyInput<In>, Out, Ctx>;
export function lastGood<In, Out, Ctx extends Context>(
  service: ServiceLike<In, Out, Ctx>,
  config: LastGoodConfig<Ctx> & Partial<KeyConfig<In>> = {} as never,
): Service<In, Out, Ctx> {
  const { maxAge, most = 1_000, store } = config;
  const keyOf = answerKey(service, config);
  checkConfig(config);
  const { name = service.name } = config;
  const answers = { memory: new AnswerMemory<Out>(maxAge, most), maxAge, store, name };
  let lastCall = 0;

  return (ctx, input) => {
    const caller = { ctx, run: runOf(ctx), service: runOf(ctx)?.currentService };
    const fresh = fromAbortable(ctx, (signal) => service({ ...withoutSignal(ctx), signal } as unknown as Ctx, input));
    return abortable(ctx, {
      start: (call) => {
        new LastGoodCall(answers, caller, call, keyOf(ctx, input), ++lastCall).start(fresh);
      },
    });
  };
}

function checkConfig({ maxAge, most = 1_000, store, name }: LastGoodConfig<never>): void {
  if (!(typeof maxAge === 'number' && maxAge > 0 && maxAge < Infinity)) {
    throw new RangeError(
      `${mismatch('lastGood: maxAge', 'finite milliseconds above 0', maxAge)}: pass { maxAge: 60_000 }`,
    );
  }
  assertPositiveInteger('lastGood: most', most);
  if (store === undefined) return;
  if (!hasMethod(store, 'get') || !hasMethod(store, 'set')) {
    throw new TypeError(`${mismatch('lastGood: store', 'get and set', store)}: pass new Keyv(…)`);
  }
  if (name !== undefined && typeof name !== 'string') {
    throw new TypeError(`${mismatch('lastGood: name', 'a string', name)}: pass the name of the service`);
  }
}
