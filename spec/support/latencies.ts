/** Returns the same numbers from 0 to 1 for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns log-normal numbers with the given mean and standard deviation. */
function logNormal(mean: number, deviation: number, random: () => number): () => number {
  const variance = Math.log(1 + (deviation / mean) ** 2);
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.exp(Math.log(mean) - variance / 2 + Math.sqrt(variance) * normal);
  };
}

/**
 * Returns the latencies of the published workload of adaptive hedging (https://github.com/bhope/hedge): log-normal with mean 5 ms
 * and deviation 2 ms, and 5 % of them 10 times as long.
 */
export function stragglers(random: () => number): () => number {
  const base = logNormal(5, 2, random);
  return () => base() * (random() < 0.05 ? 10 : 1);
}

/** Returns latencies of 8 to 12 ms, and 1 % of them of a second. */
export function rarelySlow(random: () => number): () => number {
  return () => (random() < 0.01 ? 1_000 : 8 + 4 * random());
}
