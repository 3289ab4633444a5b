import { catchError, identity, map, type Observable, of, type OperatorFunction, throwIfEmpty } from 'rxjs';
import { withoutSignal, withSignal } from '../core/abort/with-signal.ts';
import { assertService } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import { abortable, teardownReporter } from '../core/from-abortable.ts';
import { optionalKey, runOf, type ServiceParts } from '../core/run-handle.ts';
import type { Service, ServiceLike } from '../core/service.ts';
import { toObservable } from '../core/service-call.ts';
import { CanceledError } from '../errors/canceled-error.ts';

/** A value or an error, as in `Promise.allSettled`. */
export type Settled<T> =
  { readonly status: 'fulfilled'; readonly value: T } | { readonly status: 'rejected'; readonly reason: unknown };

/**
 * Makes a service optional: an aggregate does not fail with it, and does not miss its deadline for it.
 *
 * Without a fallback it emits `{ status: 'fulfilled', value }` for each value, and `{ status: 'rejected', reason }` for an error.
 * With a fallback it emits the values as they are, and the fallback for an error. After an error it completes. If the service
 * completes without a value, the error is an `EmptyError`.
 *
 * - If only optional services are pending at the deadline, the aggregate unsubscribes from them, aborts their `ctx.signal`, and
 *   succeeds. Their error, and the reason of the abort, is a `DeadlineExceededError`. Otherwise the aggregate fails, as it does without optional services.
 * - A cancellation by the caller remains a cancellation. Each optional service has its own `ctx.signal`, which also aborts when
 *   the service fails.
 * - The failure is reported: by the event `failed` with `optional: true`, and by a log line at `warn`.
 *
 * An aggregate recognizes the service that this function returns. So `optional` goes around all other combinators and operators:
 * `optional(perRun(ads))`. A service that calls an optional service itself receives a value for an error, but not at the deadline.
 *
 * ```text
 * profile   --p|
 * ads       ----...           pending
 * deadline  -----T
 * run       -----(r|)         { profile: p, ads: { status: 'rejected', reason: DeadlineExceededError } }
 * ```
 *
 * @param service - Returns an Observable or a promise.
 * @throws TypeError if `service` is not a function.
 * @remarks `Promise.allSettled`, with a deadline.
 *
 * @example
 * ```ts
 * import { NEVER, of, throwError } from 'rxjs';
 * import { aggregate, background, optional, withTimeout } from 'forkfast';
 *
 * const page = aggregate(
 *   {
 *     profile: () => of('Alice'),
 *     ads: optional(() => throwError(() => new Error('no ads'))),
 *     orders: optional(() => NEVER, 0),
 *   },
 *   withTimeout(10),
 * );
 *
 * page(background).subscribe(({ profile, ads, orders }) => console.log(profile, ads.status, orders)); // => Alice rejected 0
 * ```
 */
export function optional<In = void, Out = unknown, Ctx extends Context = Context>(
  service: ServiceLike<In, Out, Ctx>,
): Service<In, Settled<Out>, Ctx>;
/**
 * Makes a service optional, with a value in place of an error.
 *
 * Emits the values of the service as they are. For an error it emits the fallback, and completes. In all else it behaves as the
 * signature without a fallback.
 *
 * @param service - Returns an Observable or a promise.
 * @param fallback - The value for an error, or a function that makes it of the error and the input. If the function throws, the
 * service fails with what it throws.
 */
export function optional<In = void, Out = unknown, Ctx extends Context = Context, Fallback = Out>(
  service: ServiceLike<In, Out, Ctx>,
  fallback: Fallback | ((error: unknown, input: In) => Fallback),
): Service<In, [Fallback] extends [Out] ? Out : Out | Fallback, Ctx>; // not `Order[] | never[]` for `[]`
export function optional(
  service: ServiceLike<unknown, unknown>,
  ...fallbacks: readonly unknown[]
): Service<unknown, unknown> {
  assertService('optional: service', service);
  const settles = fallbacks.length === 0;
  const fallback = settles ? rejected : fallbackOf(fallbacks[0]);
  const parts: ServiceParts = {
    call: (ctx, input) => withOwnSignal(ctx, service, input).pipe(settles ? fulfilled : identity),
    fallback,
  };
  const call: Service<unknown, unknown> = (ctx, input) =>
    withOwnSignal(ctx, service, input).pipe(
      throwIfEmpty(),
      settles ? fulfilled : identity,
      catchError((error: unknown) => {
        if (error instanceof CanceledError) throw error;
        return of(fallback(error, input));
      }),
    );
  return Object.assign(call, { [optionalKey]: parts });
}

/** Calls the service with a signal of its own, and emits each of its values. */
function withOwnSignal(ctx: Context, service: ServiceLike<unknown, unknown>, input: unknown): Observable<unknown> {
  const run = runOf(ctx);
  const onTeardownError = teardownReporter(ctx);
  return abortable(ctx, {
    reasonOf: (error) => run?.closingError ?? error,
    start: (call) => {
      call.emitsEach = true;
      call.controller.run = run;
      call.follow(toObservable(service(withSignal(withoutSignal(ctx), call.controller), input)), onTeardownError);
    },
  });
}

const fulfilled: OperatorFunction<unknown, Settled<unknown>> = /* @__PURE__ */ map((value) => ({
  status: 'fulfilled',
  value,
}));

function rejected(reason: unknown): Settled<never> {
  return { status: 'rejected', reason };
}

function fallbackOf(fallback: unknown): (error: unknown, input: unknown) => unknown {
  return typeof fallback === 'function' ? (fallback as (error: unknown, input: unknown) => unknown) : () => fallback;
}
