import { aggregate, background, type Context, fetchJson, silent, withFetch, withLogger } from 'forkfast';
import { undiciFetch } from 'forkfast/undici';
import { firstValueFrom } from 'rxjs';
import { Agent } from 'undici';
import { type Slice, slice } from '../drive.ts';
import { digits, middle, table } from '../format.ts';
import { Clients, compare, type Effort, pick, type Spread, spread, Upstream } from '../rounds.ts';

// What the settings of undici's Agent do to the throughput of two services.

interface Task {
  readonly origins: readonly string[];
  readonly inFlight: number;
  readonly ms: number;
}

interface Figures {
  readonly inFlight: number;
  readonly agents: readonly {
    readonly name: string;
    readonly rate: Spread;
    readonly ratio: Spread;
    readonly cpu: Spread;
  }[];
}

const BASE = 'new Agent()';
const agents: Readonly<Record<string, Agent.Options>> = {
  [BASE]: {},
  '{ connections: 100 }': { connections: 100 },
  '{ connections: 10 }': { connections: 10 },
  '{ connections: 10, pipelining: 10 }': { connections: 10, pipelining: 10 },
};

export async function measure({ rounds, quick, ...effort }: Effort): Promise<readonly Figures[]> {
  const upstream = new Upstream();
  const origins = await upstream.listen(2);
  const clients = new Clients<Task, Slice>('tuning', Object.keys(agents));
  const figures: Figures[] = [];
  for (const inFlight of effort.inFlight([50, 500])) {
    const slices = await clients.interleave(rounds, { origins, inFlight, ms: quick ? 50 : 250 }, async (slice) => {
      await upstream.hangUp();
      return slice;
    });
    const cpu = pick(slices, (slice) => slice.cpu);
    const rates = compare(
      pick(slices, ({ rate }) => rate),
      BASE,
    );
    figures.push({
      inFlight,
      agents: rates.map(({ name, value, ratio }) => ({ name, rate: value, ratio, cpu: spread(cpu.get(name) ?? []) })),
    });
  }
  clients.stop();
  upstream.stop();
  return figures;
}

export function work(name: string): (task: Task) => Promise<Slice> {
  const transport = undiciFetch({ dispatcher: new Agent(agents[name]) });
  return ({ origins, inFlight, ms }) => {
    const services = origins.map((origin) => (ctx: Context) => fetchJson(ctx, `${origin}/ok`));
    const run = aggregate(services, withLogger(silent), withFetch(transport))(background);
    return slice(() => firstValueFrom(run), inFlight, ms);
  };
}

export function tables(figures: readonly Figures[]): string {
  const names = figures[0]?.agents.map(({ name }) => name) ?? [];
  return table(
    ['2 services', ...figures.flatMap(({ inFlight }) => [`${String(inFlight)} in flight`, 'CPU µs'])],
    names.map((name, row) => [
      `\`${name}\``,
      ...figures.flatMap(({ agents }) => {
        const found = agents[row];
        if (!found) return ['', ''];
        const rate = row === 0 ? `1 = ${digits(found.rate.median)} a second` : middle(found.ratio);
        return [rate, digits(found.cpu.median)];
      }),
    ]),
  );
}
