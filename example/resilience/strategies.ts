import { backoff, type Context, fetchJson, hedge, retryBudget, url } from 'forkfast';
import { defer, type Observable, retry } from 'rxjs';

/** Calls the upstream at `base`. The number of the call decides how the upstream responds. */
export type Strategy = (ctx: Context, base: string, call: number) => Observable<unknown>;

/** The defaults of `retryBudget`. The report prints them. */
export const budgetConfig = { ratio: 0.2, min: 10 };

const hedgeConfig = { after: 40, attempts: 3 };
const backoffConfig = { initialDelay: 10 };

/** Returns the strategies by name. All calls of a strategy share its budget. */
export function strategies(): Readonly<Record<string, Strategy>> {
  const budget = retryBudget(budgetConfig); // one budget for each upstream
  return {
    plain: (ctx, base, call) => request(ctx, base, 'plain', call),
    retried: (ctx, base, call) =>
      request(ctx, base, 'retried', call).pipe(retry({ count: 2, delay: backoff(ctx, backoffConfig) })),
    hedged: (ctx, base, call) => request(ctx, base, 'hedged', call).pipe(hedge(hedgeConfig)),
    budgeted: (ctx, base, call) =>
      request(ctx, base, 'budgeted', call).pipe(
        retry({ count: 2, delay: backoff(ctx, { ...backoffConfig, budget }) }),
        hedge({ ...hedgeConfig, budget }),
      ),
  };
}

/** Each subscription is an attempt. Its number is part of the URL, as the upstream counts requests by strategy. */
function request(ctx: Context, base: string, strategy: string, call: number): Observable<unknown> {
  let attempt = 0;
  return defer(() => fetchJson(ctx, url`${base}/${strategy}/${call}/${attempt++}`));
}
