import { quantile } from 'd3-array';
import { aggregate, background, type Context, fetchJson, hedge, latency, retryBudget } from 'forkfast';
import { firstValueFrom, identity, type MonoTypeOperatorFunction, timer } from 'rxjs';
import { rarelySlow, seeded, stragglers } from '../../spec/support/latencies.ts';
import { quantileOf, simulate } from '../../spec/support/workload.ts';
import { drive } from '../drive.ts';
import { digits, table } from '../format.ts';
import { Clients, type Effort, Upstream } from '../rounds.ts';

// The benefit of hedging, and its cost for the services: in virtual time, where the machine does not count, and over HTTP. Few
// aggregates are in flight, so that the client and the services are mostly idle. The first workload is the published one of
// adaptive hedging (https://github.com/bhope/hedge): log-normal latencies with mean 5 ms and deviation 2 ms, and 5 % of the
// requests take 10 times as long. The second one is a fan-out: one slow service of ten makes an aggregate slow.

const workloads = [
  {
    title: 'one service: 5 ms, 5 % ten times slower',
    path: 'stragglers',
    latencies: stragglers,
    services: 1,
    inFlight: 4,
  },
  {
    title: 'ten services: 10 ms, 1 % slow: 1 s',
    path: 'rarely-slow',
    latencies: rarelySlow,
    services: 10,
    inFlight: 2,
  },
] as const;

interface Task {
  readonly origins: readonly string[];
  readonly path: string;
  readonly inFlight: number;
  readonly ms: number;
}

interface Latencies {
  readonly p50: number;
  readonly p99: number;
  /** The requests that hedges added, as a share of the others. */
  readonly extra: number;
}

type Figures = readonly {
  readonly workload: string;
  readonly name: string;
  readonly virtual: Latencies;
  readonly http: Latencies;
}[];

/** Each makes an operator for one service. */
const shapes: Readonly<Record<string, () => MonoTypeOperatorFunction<unknown>>> = {
  'not hedged': () => identity,
  'after: 10': () => hedge({ after: 10 }),
  'after: 50': () => hedge({ after: 50 }),
  'after: latency(0.9)': () => hedge({ after: latency(0.9) }),
  'after: latency(0.95)': () => hedge({ after: latency(0.95) }),
  'after: latency(0.95), budget': () => hedge({ after: latency(0.95), budget: retryBudget({ ratio: 0.1 }) }),
};

export async function measure({ rounds, quick }: Effort): Promise<Figures> {
  const upstream = new Upstream();
  const origins = await upstream.listen(10);
  const figures = [];
  for (const { title, path, latencies, services, inFlight } of workloads) {
    const clients = new Clients<Task, readonly number[]>('hedging', Object.keys(shapes));
    const task = { origins: origins.slice(0, services), path, inFlight, ms: quick ? 500 : 5_000 };
    const results = await clients.interleave(Math.ceil(rounds / 2), task, async (ms) => {
      const { requests } = await upstream.report();
      return { ms, requests };
    });
    clients.stop();
    for (const [name, own] of results) {
      const all = own.flatMap(({ ms }) => ms);
      const requests = own.reduce((sum, { requests }) => sum + requests, 0);
      const at = (p: number): number => quantile(all, p) ?? NaN;
      const http = { p50: at(0.5), p99: at(0.99), extra: requests / (services * all.length) - 1 };
      const latencyOf = latencies(seeded(1));
      const { durations, extra } = simulate(() => timer(latencyOf()), shapes[name]?.() ?? identity, {
        questions: 20_000 / services,
        fanOut: services,
      });
      const virtual = { p50: quantileOf(durations, 0.5), p99: quantileOf(durations, 0.99), extra };
      figures.push({ workload: title, name, virtual, http });
    }
  }
  upstream.stop();
  return figures;
}

/** Returns the duration of each run. */
export function work(name: string): (task: Task) => Promise<readonly number[]> {
  /** One for each service, which keeps what it has learned between the tasks. */
  const operators = new Map<string, MonoTypeOperatorFunction<unknown>>();
  const operatorOf = (origin: string): MonoTypeOperatorFunction<unknown> => {
    const operator = operators.get(origin) ?? shapes[name]?.() ?? identity;
    operators.set(origin, operator);
    return operator;
  };
  return async ({ origins, path, inFlight, ms }) => {
    const services = origins.map(
      (origin) => (ctx: Context) => fetchJson(ctx, `${origin}/${path}`).pipe(operatorOf(origin)),
    );
    const run = aggregate(services)(background);
    return drive(() => firstValueFrom(run), inFlight, ms);
  };
}

export function tables(figures: Figures): string {
  return workloads
    .map(({ title }) =>
      table(
        [title, 'p50 ms', 'p99 ms', 'extra load', 'HTTP: p50 ms', 'p99 ms', 'extra load'],
        figures
          .filter(({ workload }) => workload === title)
          .map(({ name, virtual, http }) => [name, ...cells(virtual), ...cells(http)]),
      ),
    )
    .join('\n\n');
}

function cells({ p50, p99, extra }: Latencies): readonly string[] {
  return [digits(p50), digits(p99), `${(100 * extra).toFixed(1)} %`];
}
