import { CanceledError, type Context, fromAbortable, type Service, ServiceError } from 'forkfast';
import { type Problem, problemOf } from 'forkfast/server';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { catchError, type Observable, switchMap, timeout } from 'rxjs';

/** Milliseconds that a page waits for the shared limiter. A Redis that hangs must not hold the page. */
const patience = 250;

/** The limiter that all workers share, and the one that this process uses while the shared one does not answer. */
export interface Limiters {
  readonly main: RateLimiterAbstract;
  readonly spare: RateLimiterAbstract | undefined;
}

export interface Limit<Ctx extends Context> {
  readonly limiters: Limiters;
  /** Calls with the same key share the quota. */
  readonly keyOf: (ctx: Ctx) => string;
  /** 429 if the caller has used up its own quota. 503 if all callers share the quota: this caller has done nothing wrong. */
  readonly status: 429 | 503;
  /** Called each time that this process uses its spare limiter. */
  readonly onSpare?: (error: unknown) => void;
}

/** The quota is used up. */
export class RateLimitedError extends Error {
  override readonly name = 'RateLimitedError';
  readonly code = 'ERR_RATE_LIMITED';
  readonly status: 429 | 503;
  /** Milliseconds until there is quota again. */
  readonly retryAfter: number;

  constructor(status: 429 | 503, retryAfter: number) {
    super(`rate limited: try again in ${String(retryAfter)} ms`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/**
 * Puts a limit in front of a service.
 *
 * Consumes one point, and then subscribes to the service. If no point is left, errors with a {@link RateLimitedError}: in an
 * aggregate, it is the cause of a `ServiceError`, and the siblings are canceled. Unsubscribing gives no point back.
 */
export function limited<In, Out, Ctx extends Context>(
  service: Service<In, Out, Ctx>,
  limit: Limit<Ctx>,
): Service<In, Out, Ctx> {
  return (ctx, input) => {
    // The service is called now, while the run knows which service it calls. It starts nothing before it is subscribed to.
    const answer = service(ctx, input);
    return consume(ctx, limit).pipe(switchMap(() => answer));
  };
}

function consume<Ctx extends Context>(ctx: Ctx, { limiters, keyOf, status, onSpare }: Limit<Ctx>): Observable<unknown> {
  const { main, spare } = limiters;
  const key = keyOf(ctx);
  const take = (limiter: RateLimiterAbstract) => fromAbortable(ctx, () => limiter.consume(key));
  return take(main).pipe(
    timeout(patience),
    catchError((error: unknown) => {
      if (spare === undefined || error instanceof RateLimiterRes || error instanceof CanceledError) throw error;
      onSpare?.(error);
      return take(spare);
    }),
    catchError((error: unknown) => {
      // A limiter rejects with its result, which is not an error, if no point is left.
      throw error instanceof RateLimiterRes ? new RateLimitedError(status, error.msBeforeNext) : error;
    }),
  );
}

/** The response of a refusal: 429 or 503 with `retry-after` in seconds. `problemOf` of forkfast maps all other errors. */
export function problemFor(error: unknown): Pick<Problem, 'headers'> & { status: number; body: object } {
  const cause = error instanceof ServiceError ? error.cause : error;
  if (!(cause instanceof RateLimitedError)) return problemOf(error);
  const { status, retryAfter } = cause;
  const title = status === 429 ? 'Too Many Requests' : 'Service Unavailable';
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'retry-after': String(Math.max(1, Math.ceil(retryAfter / 1_000))), // at 0, clients would try again at once
    },
    body: { type: 'about:blank', title, status, detail: 'The quota is used up.' },
  };
}
