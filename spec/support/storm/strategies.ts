import { type Observable, retry, timeout, TimeoutError } from 'rxjs';
import { adaptive, backoff, bulkhead, hedge, lastGood, latency, retryBudget, type Service } from 'forkfast';
import { isTransient } from 'forkfast';
import type { Answer } from '../model-upstream.ts';

/**
 * Makes the service with which one process calls the upstream, with the state of this process. Each subscription to `request` is a
 * request. `random` is for the jitter.
 */
export type Strategy = (request: Observable<Answer>, random: () => number) => Service<number, Answer>;

/** The milliseconds after which an attempt is given up. */
const patience = 250;

const isTimeout = (error: unknown): boolean => error instanceof TimeoutError;
const retryable = (error: unknown): boolean => isTransient(error) || isTimeout(error);
const kept = { maxAge: 10 * 60_000, most: 20_000 };

export const strategies = {
  'no retries': (request) => () => request.pipe(timeout(patience)),

  'retry(3)': (request) => () => request.pipe(timeout(patience), retry(3)),

  'retry, backoff': (request, random) => (ctx) =>
    request.pipe(timeout(patience), retry({ count: 3, delay: backoff(ctx, { random, retryable }) })),

  'retry, backoff, budget': (request, random) => {
    const budget = retryBudget();
    return (ctx) =>
      request.pipe(timeout(patience), retry({ count: 3, delay: backoff(ctx, { random, retryable, budget }) }));
  },

  hedge: (request) => {
    const hedged = hedge<Answer>({ after: latency(0.95) });
    return () => request.pipe(timeout(patience), hedged);
  },

  'hedge, budget': (request) => {
    const hedged = hedge<Answer>({ after: latency(0.95), budget: retryBudget() });
    return () => request.pipe(timeout(patience), hedged);
  },

  'adaptive bulkhead': (request) => {
    const limited = bulkhead(adaptive({ min: 10, max: 400, overloaded: isTimeout }), { queue: 100 });
    return (ctx) => request.pipe(timeout(patience), limited.for(ctx));
  },

  'adaptive bulkhead, 503 as overload': (request) => {
    const limited = bulkhead(adaptive({ min: 10, max: 400 }), { queue: 100 });
    return (ctx) => request.pipe(timeout(patience), limited.for(ctx));
  },

  'adaptive bulkhead, defaults': (request) => {
    const limited = bulkhead(adaptive({ max: 400 }), { queue: 100 });
    return (ctx) => request.pipe(timeout(patience), limited.for(ctx));
  },

  'fixed bulkhead': (request) => {
    const limited = bulkhead(30);
    return (ctx) => request.pipe(timeout(patience), limited.for(ctx));
  },

  lastGood: (request) => lastGood(() => request.pipe(timeout(patience)), kept),

  'all but lastGood': (request, random) => resilient(request, random),

  'all together': (request, random) => lastGood(resilient(request, random), kept),
} satisfies Readonly<Record<string, Strategy>>;

/** One budget for the retries and the hedges, and a bulkhead in front of each attempt. */
function resilient(request: Observable<Answer>, random: () => number): Service<number, Answer> {
  const budget = retryBudget();
  const limited = bulkhead(adaptive({ min: 10, max: 400, overloaded: isTimeout }), { queue: 100 });
  const hedged = hedge<Answer>({ after: latency(0.95), budget });
  return (ctx) =>
    request.pipe(
      timeout(patience),
      limited.for(ctx),
      hedged,
      retry({ count: 3, delay: backoff(ctx, { random, retryable, budget }) }),
    );
}
