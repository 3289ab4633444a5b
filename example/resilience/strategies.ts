import { backoff, type Context, fetchJson, hedge, retryBudget, url } from 'forkfast';
import { defer, type Observable, retry } from 'rxjs';

/** A question asked of the upstream at `base`, in one of four ways. */
export type Ask = (ctx: Context, base: string, question: number) => Observable<unknown>;

/** The defaults of `retryBudget`, said because the report quotes them. */
export const allowance = { ratio: 0.2, min: 10 };

const hedging = { after: 40, attempts: 3 };
const waiting = { initialDelay: 10 };

/** The ways to ask, each with what it keeps between questions. */
export function strategies(): Readonly<Record<string, Ask>> {
  const budget = retryBudget(allowance); // for each upstream one, shared by all who ask it
  return {
    plain: (ctx, base, question) => asked(ctx, base, 'plain', question),
    retried: (ctx, base, question) =>
      asked(ctx, base, 'retried', question).pipe(retry({ count: 2, delay: backoff(ctx, waiting) })),
    hedged: (ctx, base, question) => asked(ctx, base, 'hedged', question).pipe(hedge(hedging)),
    budgeted: (ctx, base, question) =>
      asked(ctx, base, 'budgeted', question).pipe(
        retry({ count: 2, delay: backoff(ctx, { ...waiting, budget }) }),
        hedge({ ...hedging, budget }),
      ),
  };
}

/** Each subscription is one more attempt, and says which: the upstream counts by strategy. */
function asked(ctx: Context, base: string, strategy: string, question: number): Observable<unknown> {
  let attempt = 0;
  return defer(() => fetchJson(ctx, url`${base}/${strategy}/${question}/${attempt++}`));
}
