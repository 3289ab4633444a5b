import type { Slice } from './drive.ts';
import { digits, middle } from './format.ts';
import { type Clients, compare, pick, type Spread, spread, type Upstream } from './rounds.ts';

/** Aggregates per second, the same as a ratio to the first contender, and the CPU time and the duration of an aggregate. */
export interface Rated {
  readonly name: string;
  readonly rate: Spread;
  readonly ratio: Spread;
  readonly cpu: Spread;
  readonly p50: Spread;
  readonly p99: Spread;
}

/** Measures all clients in all rounds. Each measurement has its own connections. */
export async function ratesOf<Task extends object>(
  clients: Clients<Task, Slice>,
  upstream: Upstream,
  { rounds, task, base }: { readonly rounds: number; readonly task: Task; readonly base: string },
): Promise<readonly Rated[]> {
  const slices = await clients.interleave(rounds, task, async (slice) => {
    await upstream.hangUp();
    return slice;
  });
  const spreadOf = (name: string, key: keyof Slice): Spread =>
    spread(slices.get(name)?.map((slice) => slice[key]) ?? []);
  const rates = compare(
    pick(slices, ({ rate }) => rate),
    base,
  );
  return rates.map(({ name, value, ratio }) => ({
    name,
    rate: value,
    ratio,
    cpu: spreadOf(name, 'cpu'),
    p50: spreadOf(name, 'p50'),
    p99: spreadOf(name, 'p99'),
  }));
}

/** Returns the cells of a row: the ratio and the CPU time. The first row has the rate that is 1. */
export function cellsOf(rated: Rated | undefined, row: number): readonly string[] {
  if (!rated) return ['', ''];
  const { rate, ratio, cpu } = rated;
  return [row === 0 ? `1 = ${digits(rate.median)} a second` : middle(ratio), digits(cpu.median)];
}
