import { availableParallelism } from 'node:os';
import { quantile, shuffle } from 'd3-array';
import { Agent } from 'undici';
import type { BackendTask } from '../backend.ts';
import { type Child, startModule } from '../child.ts';
import { dispatchJson } from '../contenders/dispatch-json.ts';
import { startClient } from '../contenders/index.ts';
import { drive } from '../drive.ts';
import { digits, middle, table } from '../format.ts';
import { compare, type Effort, pick, type Spread, spread, Upstream } from '../rounds.ts';

// A backend in one process, and in workers of node:cluster behind one port, with a run of two services for each request. The services
// and the load use the same cores as the backend. So the rate of a core is the rate per second of the backend's own CPU time.

interface Task {
  readonly url: string;
  readonly ms: number;
}

interface Load {
  readonly count: number;
  /** Requests per second. */
  readonly rate: number;
  readonly p99: number;
}

interface Sample extends Load {
  /** Requests per second of CPU time of all processes of the backend. */
  readonly perCore: number;
}

export type Backends = readonly {
  readonly name: string;
  readonly rate: Spread;
  readonly perCore: Spread;
  readonly ratio: Spread;
  readonly p99: Spread;
}[];

const IN_FLIGHT = 100;
const BASE = 'one process';
const cores = availableParallelism();
/** The number of workers. */
const backends: Readonly<Record<string, number>> = {
  [BASE]: 0,
  'node:cluster, 1 worker': 1,
  [`node:cluster, ${String(cores)} workers`]: cores,
};

export async function measureBackends({ rounds, quick, includes }: Effort): Promise<Backends> {
  const upstream = new Upstream();
  const load = startClient<Task, Load>('backends', 'load');
  const origins = await upstream.listen(2);
  const chosen = Object.entries(backends).filter(([name]) => name === BASE || includes(name));
  const running = chosen.map(([name, workers]) => ({
    name,
    backend: startModule<BackendTask, number>('backend.ts', [String(workers)]),
    samples: [] as Sample[],
  }));
  const urls = new Map<string, string>();
  for (const { name, backend } of running) {
    urls.set(name, `http://127.0.0.1:${String(await backend.run({ task: 'listen', origins }))}/`);
  }
  // The first round does not count, because it loads and compiles the code.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, backend, samples } of shuffle([...running])) {
      const sample = await sampleOf(backend, load, { url: urls.get(name) ?? '', ms: quick ? 200 : 1_000 });
      if (round > 0) samples.push(sample);
    }
  }
  for (const { backend } of running) backend.stop();
  load.stop();
  upstream.stop();
  const samples = new Map(running.map(({ name, samples }) => [name, samples]));
  const perCore = compare(
    pick(samples, (sample) => sample.perCore),
    BASE,
  );
  return perCore.map(({ name, value, ratio }) => {
    const spreadOf = (key: keyof Sample): Spread => spread(samples.get(name)?.map((sample) => sample[key]) ?? []);
    return { name, rate: spreadOf('rate'), perCore: value, ratio, p99: spreadOf('p99') };
  });
}

async function sampleOf(backend: Child<BackendTask, number>, load: Child<Task, Load>, task: Task): Promise<Sample> {
  await load.run({ ...task, ms: task.ms / 2 }); // opens the connections
  const before = await backend.run({ task: 'cpu' });
  const result = await load.run(task);
  const cpu = (await backend.run({ task: 'cpu' })) - before;
  return { ...result, perCore: (1e6 * result.count) / cpu };
}

/** The load. */
export function work(): (task: Task) => Promise<Load> {
  const agent = new Agent();
  return async ({ url, ms }) => {
    const startedAt = performance.now();
    const durations = await drive(() => dispatchJson(agent, url, null), IN_FLIGHT, ms);
    const elapsed = performance.now() - startedAt;
    const count = durations.length;
    return { count, rate: (1_000 * count) / elapsed, p99: quantile(durations, 0.99) ?? NaN };
  };
}

export function tableOfBackends(figures: Backends): string {
  return table(
    ['a backend, 100 requests in flight', 'requests a second', 'a second of CPU time', 'ratio', 'p99 ms'],
    figures.map(({ name, rate, perCore, ratio, p99 }) => [
      name,
      digits(rate.median),
      digits(perCore.median),
      middle(ratio),
      digits(p99.median),
    ]),
  );
}
