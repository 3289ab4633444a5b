import type { Ask } from './contenders.ts';

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
