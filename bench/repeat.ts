import type { Ask } from './contenders.ts';

/**
 * Microseconds of CPU time that one takes, one after the other for `ms`, once it has been compiled. Not of the wall clock:
 * without a network they are the same, but for what else the machine does.
 */
export async function repeat(ask: Ask, ms: number): Promise<number> {
  await once(ask, ms / 2);
  return once(ask, ms);
}

async function once(ask: Ask, ms: number): Promise<number> {
  const until = performance.now() + ms;
  const cpu = process.cpuUsage();
  let count = 0;
  do {
    await ask();
    count++;
  } while (performance.now() < until);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / count;
}
