import { CanceledError, type Context, fromAbortable, HttpError, type Service, ServiceError } from 'forkfast';
import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  handleWhen,
  type ICircuitBreakerOptions,
} from 'cockatiel';
import { lastValueFrom, timeout } from 'rxjs';

/**
 * Creates a circuit breaker for {@link guarded}. Create one for each upstream, and share it between all its callers.
 *
 * It counts the failures for which {@link isUpstreamFailure} returns `true`. If a probe is canceled, the circuit stays open until
 * the next probe; cockatiel itself would close it.
 */
export function breaker(options: ICircuitBreakerOptions): CircuitBreakerPolicy {
  const policy: CircuitBreakerPolicy = circuitBreaker(
    handleWhen(
      (error) => isUpstreamFailure(error) || (error instanceof CanceledError && policy.state === CircuitState.HalfOpen),
    ),
    options,
  );
  return policy;
}

/** Whether the upstream caused a failure. A cancellation, also that by the deadline of a run, and a 4xx have other causes. */
export function isUpstreamFailure(error: unknown): boolean {
  if (error instanceof ServiceError) return isUpstreamFailure(error.cause);
  return !(error instanceof CanceledError || (error instanceof HttpError && error.status < 500));
}

/**
 * Puts a service behind a circuit breaker. Services with the same `policy` share its state.
 *
 *     const policy = breaker({ halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) });
 *     const dashboard = aggregate({ profile, orders: guarded(orders, policy, 300) }, withTimeout(1_000));
 *
 * Emits the answer (the last value) and completes. While the circuit is open, it errors with cockatiel's `BrokenCircuitError`
 * and does not call the service. Unsubscribing cancels the policy and the service in the same frame.
 *
 * @param ms - The time in milliseconds after which a service that emits nothing fails with RxJS's `TimeoutError`. The circuit
 * counts this failure. It does not count a service that the deadline of the run cancels, because a caller may leave it little time. So
 * choose less than the timeout of the run: otherwise the circuit never opens when the upstream hangs.
 */
export function guarded<Out, In = void, Ctx extends Context = Context>(
  service: Service<In, Out, Ctx>,
  policy: CircuitBreakerPolicy,
  ms: number,
): Service<In, Out, Ctx> {
  return (ctx, input) =>
    fromAbortable(ctx, (signal) => {
      // The signal that cockatiel passes never aborts for a caller that waits for a probe.
      const answer = fromAbortable({ signal }, () => service(ctx, input));
      const attempt = () => lastValueFrom(answer.pipe(timeout(ms))); // rejects with an EmptyError if there is no answer
      return policy.execute(attempt, signal);
    });
}
