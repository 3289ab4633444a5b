import type { Ask } from './contenders.ts';

export interface Slice {
  /** Aggregates a second. */
  readonly rate: number;
  /** Microseconds of CPU time an aggregate, the collector's threads included. */
  readonly cpu: number;
}

/** What one does under so many in flight, for `ms`. */
export async function slice(ask: Ask, inFlight: number, ms: number): Promise<Slice> {
  await drive(ask, inFlight, ms / 2); // opens the connections, and compiles
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const count = await drive(ask, inFlight, ms);
  const elapsed = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: (1_000 * count) / elapsed, cpu: (user + system) / count };
}

/** Keeps `inFlight` going for `ms`, and says how many there were. */
export async function drive(ask: Ask, inFlight: number, ms: number): Promise<number> {
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
