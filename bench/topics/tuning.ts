import { aggregate, background, type Context, fetchJson, withFetch } from 'forkfast';
import { undiciFetch } from 'forkfast/undici';
import { firstValueFrom } from 'rxjs';
import { Agent } from 'undici';
import { type Slice, slice } from '../drive.ts';
import { digits, table } from '../format.ts';
import { cellsOf, type Rated, ratesOf } from '../rates.ts';
import { Clients, type Effort, Upstream } from '../rounds.ts';

// The throughput of two services with different settings of undici's Agent.

interface Task {
  readonly origins: readonly string[];
  readonly inFlight: number;
  readonly ms: number;
}

interface Figures {
  readonly inFlight: number;
  readonly agents: readonly Rated[];
}

const BASE = 'new Agent()';
const agents: Readonly<Record<string, Agent.Options>> = {
  [BASE]: {},
  '{ connections: 256 }': { connections: 256 },
  '{ connections: 128 }': { connections: 128 },
  '{ connections: 32 }': { connections: 32 },
  '{ connections: 8 }': { connections: 8 },
  '{ connections: 8, pipelining: 8 }': { connections: 8, pipelining: 8 },
};

export async function measure({ rounds, quick, ...effort }: Effort): Promise<readonly Figures[]> {
  const upstream = new Upstream();
  const origins = await upstream.listen(2);
  const clients = new Clients<Task, Slice>('tuning', Object.keys(agents));
  const figures: Figures[] = [];
  for (const inFlight of effort.inFlight([50, 500])) {
    const task = { origins, inFlight, ms: quick ? 50 : 250 };
    figures.push({ inFlight, agents: await ratesOf(clients, upstream, { rounds, task, base: BASE }) });
  }
  clients.stop();
  upstream.stop();
  return figures;
}

export function work(name: string): (task: Task) => Promise<Slice> {
  const transport = undiciFetch({ dispatcher: new Agent(agents[name]) });
  return ({ origins, inFlight, ms }) => {
    const services = origins.map((origin) => (ctx: Context) => fetchJson(ctx, `${origin}/ok`));
    const run = aggregate(services, withFetch(transport))(background);
    return slice(() => firstValueFrom(run), inFlight, ms);
  };
}

export function tables(figures: readonly Figures[]): string {
  const names = figures[0]?.agents.map(({ name }) => name) ?? [];
  return table(
    ['2 services', ...figures.flatMap(({ inFlight }) => [`${String(inFlight)} in flight`, 'CPU µs', 'p99 ms'])],
    names.map((name, row) => [
      `\`${name}\``,
      ...figures.flatMap(({ agents }) => [...cellsOf(agents[row], row), digits(agents[row]?.p99.median ?? NaN)]),
    ]),
  );
}
