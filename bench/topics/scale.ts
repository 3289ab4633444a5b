import { quantile, shuffle } from 'd3-array';
import { chart } from '../chart.ts';
import { contenderOf, startClient } from '../contenders/index.ts';
import { drive } from '../drive.ts';
import { digits, table } from '../format.ts';
import { type Effort, type Spread, spread, Upstream } from '../rounds.ts';
import { type Backends, measureBackends, tableOfBackends } from './backends.ts';

// Rate, latency and memory by the runs in flight (of 2 services each), and by the services of a run (with 5 runs in flight). Each
// service responds after 10 ms. Then the same backend in one process and in node:cluster.

interface Task {
  readonly origins: readonly string[];
  readonly services: number;
  readonly inFlight: number;
  readonly ms: number;
}

interface Sample {
  /** Requests per second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p99: number;
  /** Resident bytes of the process, minus those before the measurement. */
  readonly memory: number;
}

/** One point of a curve. */
export interface Point {
  readonly name: string;
  readonly along: Along;
  readonly at: number;
  readonly rate: Spread;
  readonly p99: Spread;
  readonly memory: Spread;
}

interface Figures {
  readonly points: readonly Point[];
  readonly backends: Backends;
}

export type Along = 'runs in flight' | 'services a run';

const contested = ['fetch by hand, one signal a request', 'forkfast', 'forkfast + forkfast/undici'];
const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

export async function measure(effort: Effort): Promise<Figures> {
  return { points: await measurePoints(effort), backends: await measureBackends(effort) };
}

async function measurePoints({ rounds, quick, includes, ...effort }: Effort): Promise<readonly Point[]> {
  const upstream = new Upstream();
  const origins = await upstream.listen(10);
  const names = contested.filter(includes);
  const axes = [
    ...effort.inFlight(quick ? [1, 50, 1_000] : steps).map((at) => ({ along: 'runs in flight' as const, at })),
    ...effort
      .services(quick ? [1, 50, 500] : steps.slice(0, -2))
      .map((at) => ({ along: 'services a run' as const, at })),
  ];
  const points = axes.flatMap((place) => names.map((name) => ({ name, ...place, samples: [] as Sample[] })));
  for (let round = 0; round < Math.ceil(rounds / 4); round++) {
    for (const { name, along, at, samples } of shuffle([...points])) {
      // Each point has its own process, since a process does not return its memory.
      const client = startClient<Task, Sample>('scale', name);
      const size = along === 'runs in flight' ? { services: 2, inFlight: at } : { services: at, inFlight: 5 };
      samples.push(await client.run({ origins, ...size, ms: quick ? 200 : 1_000 }));
      client.stop();
      await upstream.hangUp();
    }
  }
  upstream.stop();
  return points.map(({ samples, ...point }) => ({
    ...point,
    rate: spread(samples.map(({ rate }) => rate)),
    p99: spread(samples.map(({ p99 }) => p99)),
    memory: spread(samples.map(({ memory }) => memory)),
  }));
}

export function work(name: string): (task: Task) => Promise<Sample> {
  const { prepare } = contenderOf(name);
  return async ({ origins, services, inFlight, ms }) => {
    const urls = Array.from({ length: services }, (_, index) => `${origins[index % origins.length] ?? ''}/after/10`);
    const callAll = await prepare(urls, 30_000);
    const { rss: atRest } = process.memoryUsage();
    await drive(callAll, inFlight, ms);
    const startedAt = performance.now();
    const durations = await drive(callAll, inFlight, ms);
    const elapsed = performance.now() - startedAt;
    const { rss } = process.memoryUsage();
    return {
      rate: (1_000 * services * durations.length) / elapsed,
      p99: quantile(durations, 0.99) ?? NaN,
      memory: rss - atRest,
    };
  };
}

export function tables({ points, backends }: Figures): string {
  const curves = (['runs in flight', 'services a run'] satisfies Along[]).flatMap((along) => {
    const own = points.filter((point) => point.along === along);
    if (own.length === 0) return [];
    const names = [...new Set(own.map(({ name }) => name))];
    const rows = [...new Set(own.map(({ at }) => at))].map((at) => [
      digits(at),
      ...names.flatMap((name) => {
        const point = own.find((point) => point.name === name && point.at === at);
        if (!point) return ['', '', ''];
        const { rate, p99, memory } = point;
        return [digits(rate.median), digits(p99.median), digits(memory.median / 2 ** 20)];
      }),
    ]);
    return table([along, ...names.flatMap((name) => [`${name}: requests a second`, 'p99 ms', 'MiB'])], rows);
  });
  return [...curves, tableOfBackends(backends)].join('\n\n');
}

export function drawing({ points }: Figures): string {
  return chart(points);
}
