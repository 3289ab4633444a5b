import { setImmediate } from 'node:timers/promises';
import { quantile } from 'd3-array';
import type { CallAll } from './contenders/index.ts';

export interface Slice {
  /** Aggregates per second. */
  readonly rate: number;
  /** Microseconds of CPU time per aggregate, including the threads of the garbage collector. */
  readonly cpu: number;
  /** Milliseconds that an aggregate took. */
  readonly p50: number;
  readonly p99: number;
}

/** Whether this process has measured before. The first warm-up takes longer, because the code is compiled. */
let compiled = false;

/** Measures a contender with `inFlight` aggregates in flight, for `ms`. */
export async function slice(callAll: CallAll, inFlight: number, ms: number): Promise<Slice> {
  await drive(callAll, inFlight, compiled ? ms / 2 : 4 * ms); // opens the connections
  compiled = true;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const durations = await drive(callAll, inFlight, ms);
  const elapsed = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  const count = durations.length;
  const at = (p: number): number => quantile(durations, p) ?? NaN;
  return { rate: (1_000 * count) / elapsed, cpu: (user + system) / count, p50: at(0.5), p99: at(0.99) };
}

/**
 * Keeps `inFlight` aggregates in flight for `ms`, and returns the milliseconds that each took. Each starts in its own turn of the
 * event loop, as requests to a server do. In the turn of a response, the connection of undici is still busy, and undici would open
 * another.
 */
export async function drive(callAll: CallAll, inFlight: number, ms: number): Promise<readonly number[]> {
  const until = performance.now() + ms;
  const durations: number[] = [];
  const one = async (): Promise<void> => {
    do {
      const startedAt = performance.now();
      await callAll();
      durations.push(performance.now() - startedAt);
      await setImmediate();
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return durations;
}
