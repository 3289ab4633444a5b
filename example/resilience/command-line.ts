import { readFlags } from '../shared/flags.ts';

const numbers = {
  calls: { min: 1, max: 2_000, unit: 'a number' },
  concurrency: { min: 1, max: 100, unit: 'a number' },
  seed: { min: 0, max: 2 ** 31 - 1, unit: 'a number' },
  slow: { min: 0, max: 50, unit: 'a percentage' },
  failing: { min: 0, max: 50, unit: 'a percentage' },
};

export interface Options extends Readonly<Record<keyof typeof numbers, number>> {
  readonly json: boolean;
  readonly help: boolean;
}

const defaults: Options = { calls: 400, concurrency: 10, seed: 1, slow: 10, failing: 10, json: false, help: false };

export const help = `Usage: node -C forkfast:source example/resilience/start.cjs [flags]

Calls an unreliable upstream on 127.0.0.1 in four ways: plain, with retries, with hedging, and with both under one budget. Then
compares the results. The program ends by itself: no round of calls starts after 15 s.

  --calls N         number of calls of each strategy (400)
  --concurrency N   number of calls in flight (10)
  --seed N          seed of the upstream's faults (1)
  --slow PERCENT    requests that take 200 ms longer (10)
  --failing PERCENT requests that end with a 503 (10); 50 shows the effect of the budget
  --json            print JSON
  --help            print this text`;

/**
 * Reads the command line.
 *
 * @throws UsageError
 */
export function parse(args: readonly string[]): Options {
  return { ...defaults, ...readFlags(args, { numbers, booleans: ['json', 'help'] }) };
}
