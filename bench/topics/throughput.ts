import { contenderOf, contenders } from '../contenders.ts';
import { digits, middle, table } from '../format.ts';
import { Clients, type Effort, ratios, type Spread, spread, Upstream } from '../rounds.ts';

// How many aggregates a second, and what each costs in CPU time, over loopback: in a closed loop, with so many in flight.

interface Task {
  readonly origins: readonly string[];
  readonly inFlight: number;
  readonly ms: number;
}

interface Slice {
  /** Aggregates a second. */
  readonly rate: number;
  /** Microseconds of CPU time an aggregate, the collector's threads included. */
  readonly cpu: number;
}

export interface Figures {
  readonly services: number;
  readonly inFlight: number;
  readonly contenders: readonly {
    readonly name: string;
    readonly rate: Spread;
    readonly ratio: Spread;
    readonly cpu: Spread;
  }[];
}

export async function measure({ rounds, quick, takesPart, ...effort }: Effort): Promise<readonly Figures[]> {
  const [bare, ...others] = contenders.map(({ name }) => name);
  const names = [bare ?? '', ...others.filter(takesPart)];
  const upstream = new Upstream();
  const clients = new Clients<Task, Slice>('throughput', names);
  const all = await upstream.listen(10);
  const figures: Figures[] = [];
  for (const services of effort.services([2, 10])) {
    for (const inFlight of effort.inFlight([1, 50, 500])) {
      const task = { origins: all.slice(0, services), inFlight, ms: quick ? 50 : 400 };
      const slices = await clients.interleave(rounds, task, () => upstream.hangUp());
      const rates = new Map([...slices].map(([name, own]) => [name, own.map(({ rate }) => rate)]));
      figures.push({
        services,
        inFlight,
        contenders: ratios(rates, bare ?? '').map(({ name, ratio }) => ({
          name,
          ratio,
          rate: spread(rates.get(name) ?? []),
          cpu: spread((slices.get(name) ?? []).map(({ cpu }) => cpu)),
        })),
      });
    }
  }
  clients.stop();
  upstream.stop();
  return figures;
}

export function work(name: string): (task: Task) => Promise<Slice> {
  const { prepare } = contenderOf(name);
  return async ({ origins, inFlight, ms }) => {
    const ask = prepare(
      origins.map((origin) => `${origin}/ok`),
      30_000,
    );
    await drive(ask, inFlight, ms / 2); // opens the connections, and compiles
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    const count = await drive(ask, inFlight, ms);
    const elapsed = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpu);
    return { rate: (1_000 * count) / elapsed, cpu: (user + system) / count };
  };
}

/** Keeps `inFlight` going for `ms`, and says how many there were. */
export async function drive(ask: () => Promise<unknown>, inFlight: number, ms: number): Promise<number> {
  const until = performance.now() + ms;
  let count = 0;
  const one = async (): Promise<void> => {
    do {
      await ask();
      count++;
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return count;
}

export function tables(figures: readonly Figures[]): string {
  return [...new Set(figures.map(({ services }) => services))]
    .map((services) => {
      const columns = figures.filter((figure) => figure.services === services);
      const names = columns[0]?.contenders.map(({ name }) => name) ?? [];
      const head = columns.flatMap(({ inFlight }) => [`${String(inFlight)} in flight`, 'CPU µs']);
      const rows = names.map((name, row) => [
        name,
        ...columns.flatMap(({ contenders }) => {
          const found = contenders[row];
          if (!found) return ['', ''];
          return [
            row === 0 ? `1 = ${digits(found.rate.median)} a second` : middle(found.ratio),
            digits(found.cpu.median),
          ];
        }),
      ]);
      return table([`${String(services)} services`, ...head], rows);
    })
    .join('\n\n');
}
