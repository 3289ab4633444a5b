import { setImmediate } from 'node:timers/promises';
import type { Ask } from './contenders.ts';

export interface Slice {
  /** Aggregates a second. */
  readonly rate: number;
  /** Microseconds of CPU time an aggregate, the collector's threads included. */
  readonly cpu: number;
}

/** Whether this process has done it before: the first time it takes longer until all is compiled. */
let compiled = false;

/** What one does under so many in flight, for `ms`. */
export async function slice(ask: Ask, inFlight: number, ms: number): Promise<Slice> {
  await drive(ask, inFlight, compiled ? ms / 2 : 4 * ms); // opens the connections
  compiled = true;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const count = await drive(ask, inFlight, ms);
  const elapsed = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: (1_000 * count) / elapsed, cpu: (user + system) / count };
}

/**
 * Keeps `inFlight` going for `ms`, and says how many there were. Each comes in a turn of its own, as requests to a server do:
 * in the turn of an answer, undici's connection is not free again, and it would open another.
 */
export async function drive(ask: Ask, inFlight: number, ms: number): Promise<number> {
  const until = performance.now() + ms;
  let count = 0;
  const one = async (): Promise<void> => {
    do {
      await ask();
      count++;
      await setImmediate();
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return count;
}
