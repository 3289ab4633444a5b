import { setImmediate } from 'node:timers/promises';
import type { CallAll } from './contenders.ts';

export interface Slice {
  /** Aggregates per second. */
  readonly rate: number;
  /** Microseconds of CPU time per aggregate, including the threads of the garbage collector. */
  readonly cpu: number;
}

/** Whether this process has measured before. The first warm-up takes longer, because the code is compiled. */
let compiled = false;

/** Measures a contender with `inFlight` aggregates in flight, for `ms`. */
export async function slice(callAll: CallAll, inFlight: number, ms: number): Promise<Slice> {
  await drive(callAll, inFlight, compiled ? ms / 2 : 4 * ms); // opens the connections
  compiled = true;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const count = await drive(callAll, inFlight, ms);
  const elapsed = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: (1_000 * count) / elapsed, cpu: (user + system) / count };
}

/**
 * Keeps `inFlight` aggregates in flight for `ms`, and returns their number. Each starts in its own turn of the event loop, as
 * requests to a server do. In the turn of a response, the connection of undici is still busy, and undici would open another.
 */
export async function drive(callAll: CallAll, inFlight: number, ms: number): Promise<number> {
  const until = performance.now() + ms;
  let count = 0;
  const one = async (): Promise<void> => {
    do {
      await callAll();
      count++;
      await setImmediate();
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return count;
}
