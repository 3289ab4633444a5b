import type { CallAll } from './contenders/index.ts';

/**
 * Repeats an aggregate sequentially for `ms`, after a warm-up, and returns the microseconds of CPU time of each. Without a network,
 * CPU time equals wall time, except that other programs do not disturb it.
 */
export async function repeat(callAll: CallAll, ms: number): Promise<number> {
  await once(callAll, ms / 2);
  return once(callAll, ms);
}

async function once(callAll: CallAll, ms: number): Promise<number> {
  const until = performance.now() + ms;
  const cpu = process.cpuUsage();
  let count = 0;
  do {
    await callAll();
    count++;
  } while (performance.now() < until);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / count;
}
