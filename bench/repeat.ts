import type { Ask } from './contenders.ts';

/** Microseconds that one takes, one after the other for `ms`, once it has been compiled. */
export async function repeat(ask: Ask, ms: number): Promise<number> {
  await once(ask, ms / 2);
  return once(ask, ms);
}

async function once(ask: Ask, ms: number): Promise<number> {
  const startedAt = performance.now();
  let count = 0;
  let elapsed: number;
  do {
    await ask();
    count++;
    elapsed = performance.now() - startedAt;
  } while (elapsed < ms);
  return (1_000 * elapsed) / count;
}
