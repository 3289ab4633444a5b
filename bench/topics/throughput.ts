import { BASE, contenderNames, contenderOf, importantGroups } from '../contenders/index.ts';
import { type Slice, slice } from '../drive.ts';
import { digits, table } from '../format.ts';
import { cellsOf, type Rated, ratesOf } from '../rates.ts';
import { Clients, type Effort, Upstream } from '../rounds.ts';

// Aggregates per second over loopback, and the CPU time of each: in a closed loop, with a fixed number in flight.

interface Task {
  readonly origins: readonly string[];
  readonly inFlight: number;
  readonly ms: number;
}

interface Figures {
  readonly services: number;
  readonly inFlight: number;
  readonly contenders: readonly Rated[];
}

export async function measure({ rounds, quick, includes, ...effort }: Effort): Promise<readonly Figures[]> {
  const names = contenderNames().filter((name) => name === BASE || includes(name));
  const upstream = new Upstream();
  const clients = new Clients<Task, Slice>('throughput', names);
  const all = await upstream.listen(10);
  const figures: Figures[] = [];
  for (const services of effort.services(quick ? [2] : [2, 10])) {
    for (const inFlight of effort.inFlight(quick ? [50] : [1, 50, 500])) {
      const task = { origins: all.slice(0, services), inFlight, ms: quick ? 150 : 250 };
      figures.push({
        services,
        inFlight,
        contenders: await ratesOf(clients, upstream, { rounds, task, base: BASE }),
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
    const callAll = await prepare(
      origins.map((origin) => `${origin}/ok`),
      30_000,
    );
    return slice(callAll, inFlight, ms);
  };
}

export function tables(figures: readonly Figures[]): string {
  return [...new Set(figures.map(({ services }) => services))]
    .map((services) => {
      const columns = figures.filter((figure) => figure.services === services);
      const names = columns[0]?.contenders.map(({ name }) => name) ?? [];
      const head = columns.flatMap(({ inFlight }) => [`${String(inFlight)} in flight`, 'CPU µs', 'p50 / p99 ms']);
      const rows = names.map((name, row) => [
        name,
        ...columns.flatMap(({ contenders }) => [...cellsOf(contenders[row], row), latencyOf(contenders[row])]),
      ]);
      return table([`${String(services)} services`, ...head], rows);
    })
    .join('\n\n');
}

/** Two services, 50 in flight. Both ratios are quotients of rates in this table. */
export function summary(figures: readonly Figures[]): string {
  const { contenders = [] } = figures.find(({ services, inFlight }) => services === 2 && inFlight === 50) ?? {};
  const find = (name: string | undefined): Rated | undefined => contenders.find((rated) => rated.name === name);
  const overall = find(importantGroups[0]?.[0]);
  const rows = importantGroups.flatMap((names) => {
    const byHand = find(names[0]);
    return names.map(find).flatMap((rated) => {
      if (!rated) return [];
      const { name, rate, cpu, p99 } = rated;
      const ratio = (base: Rated | undefined): string => digits(rate.median / (base?.rate.median ?? NaN));
      const added = names.length > 1 ? ratio(byHand) : '–';
      return [[name, digits(rate.median), added, ratio(overall), digits(cpu.median), digits(p99.median)]];
    });
  });
  const head = ['runs a second', 'to its transport by hand', 'to `fetch` by hand', 'CPU µs', 'p99 ms'];
  return table(['2 services, 50 in flight', ...head], rows);
}

function latencyOf(rated: Rated | undefined): string {
  return rated ? `${digits(rated.p50.median)} / ${digits(rated.p99.median)}` : '';
}
