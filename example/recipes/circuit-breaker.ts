import { CanceledError, type Context, fromAbortable, HttpError, type Service, ServiceError } from 'forkfast';
import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  handleWhen,
  type ICircuitBreakerOptions,
} from 'cockatiel';
import { lastValueFrom } from 'rxjs';

/**
 * A circuit breaker for {@link guarded}: one for each upstream, shared by all who ask it.
 *
 * What {@link blames} the upstream counts. A probe that is canceled says nothing of the upstream: the circuit stays open
 * until the next one (cockatiel by itself would close it).
 */
export function breaker(options: ICircuitBreakerOptions): CircuitBreakerPolicy {
  const policy: CircuitBreakerPolicy = circuitBreaker(
    handleWhen((error) => blames(error) || (error instanceof CanceledError && policy.state === CircuitState.HalfOpen)),
    options,
  );
  return policy;
}

/**
 * Whether a failure is the upstream's: all but a cancellation, and a 4xx, which is the asker's.
 *
 * To a service the deadline of its run is a cancellation too: one that may hang wants an RxJS `timeout` of its own, inside.
 */
export function blames(error: unknown): boolean {
  if (error instanceof ServiceError) return blames(error.cause);
  return !(error instanceof CanceledError || (error instanceof HttpError && error.status < 500));
}

/**
 * The service behind a circuit breaker, which it shares with all that are given the same `policy`.
 *
 *     const policy = breaker({ halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) });
 *     const dashboard = aggregate({ profile, orders: guarded(orders, policy) });
 *
 * Emits the answer (the last value) and completes. While the circuit is open nothing is asked: it errors with cockatiel's
 * `BrokenCircuitError`. Unsubscribing cancels the policy's execution, and what was asked with it, in the same frame.
 */
export function guarded<Out, In = void, Ctx extends Context = Context>(
  service: Service<In, Out, Ctx>,
  policy: CircuitBreakerPolicy,
): Service<In, Out, Ctx> {
  return (ctx, input) =>
    fromAbortable(ctx, (signal) => {
      // Our signal, not the one that cockatiel passes on: who waits for a probe gets one that never aborts.
      const asked = fromAbortable({ signal }, () => service(ctx, input));
      return policy.execute(() => lastValueFrom(asked), signal); // no answer is a failure: an EmptyError
    });
}
