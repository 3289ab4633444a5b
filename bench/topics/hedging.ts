import { quantile } from 'd3-array';
import { aggregate, background, type Context, fetchJson, hedge, retryBudget } from 'forkfast';
import { firstValueFrom, identity, type MonoTypeOperatorFunction } from 'rxjs';
import { drive } from '../drive.ts';
import { digits, table } from '../format.ts';
import { Clients, type Effort, Upstream } from '../rounds.ts';

// The benefit of hedging, and its cost for the services: aggregates of two services, 10 in flight. A service responds after 10 ms,
// and to one request in a hundred after 200 ms.

interface Task {
  readonly origins: readonly string[];
  readonly ms: number;
}

type Figures = readonly {
  readonly name: string;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** The ratio of the requests at the services to the requests of the aggregates. */
  readonly load: number;
}[];

const budget = retryBudget({ ratio: 0.1 });

const shapes: Readonly<Record<string, MonoTypeOperatorFunction<unknown>>> = {
  'not hedged': identity,
  'hedge({ after: 30 })': hedge({ after: 30 }),
  'hedge({ after: 30, budget })': hedge({ after: 30, budget }),
};

export async function measure({ rounds, quick }: Effort): Promise<Figures> {
  const upstream = new Upstream();
  const origins = await upstream.listen(2);
  const clients = new Clients<Task, readonly number[]>('hedging', Object.keys(shapes));
  const results = await clients.interleave(Math.ceil(rounds / 4), { origins, ms: quick ? 500 : 3_000 }, async (ms) => {
    const { requests } = await upstream.report();
    return { ms, requests };
  });
  clients.stop();
  upstream.stop();
  return [...results].map(([name, own]) => {
    const all = own.flatMap(({ ms }) => ms);
    const requests = own.reduce((sum, { requests }) => sum + requests, 0);
    const at = (p: number): number => quantile(all, p) ?? NaN;
    return { name, p50: at(0.5), p99: at(0.99), p999: at(0.999), load: requests / (2 * all.length) };
  });
}

/** Returns the duration of each run. */
export function work(name: string): (task: Task) => Promise<readonly number[]> {
  const shape = shapes[name] ?? identity;
  return async ({ origins, ms }) => {
    const services = origins.map((origin) => (ctx: Context) => fetchJson(ctx, `${origin}/tail`).pipe(shape));
    const run = aggregate(services)(background);
    const durations: number[] = [];
    await drive(
      async () => {
        const startedAt = performance.now();
        await firstValueFrom(run);
        durations.push(performance.now() - startedAt);
      },
      10,
      ms,
    );
    return durations;
  };
}

export function tables(figures: Figures): string {
  return table(
    ['1 % slow: 200 ms', 'p50 ms', 'p99 ms', 'p99.9 ms', 'extra load'],
    figures.map(({ name, p50, p99, p999, load }) => [
      name,
      digits(p50),
      digits(p99),
      digits(p999),
      `${(100 * (load - 1)).toFixed(1)} %`,
    ]),
  );
}
