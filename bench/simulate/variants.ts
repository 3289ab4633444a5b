import type { Scenario } from '../../spec/support/storm/simulate.ts';
import type { strategies } from '../../spec/support/storm/strategies.ts';

/** A row of a table: a strategy in a minute. */
export interface Variant {
  readonly name: string;
  readonly strategy: keyof typeof strategies;
  readonly stopsForCallers: boolean;
}

/** A minute in which the upstream is not well, and what is tried in it. */
export interface Minute {
  readonly name: string;
  readonly health: Scenario['health'];
  readonly variants: readonly Variant[];
}

const plain = (...names: readonly (keyof typeof strategies)[]): readonly Variant[] =>
  names.map((name) => ({ name, strategy: name, stopsForCallers: false }));

export const minutes: readonly Minute[] = [
  {
    name: 'a mild minute',
    health: { slowness: 1.5, failing: 0.3 },
    variants: plain(
      'no retries',
      'retry(3)',
      'retry, backoff',
      'retry, backoff, budget',
      'adaptive bulkhead',
      'adaptive bulkhead, 503 as overload',
      'all together',
    ),
  },
  {
    name: 'a hard minute',
    health: { slowness: 3, failing: 0.2 },
    variants: [
      ...plain(
        'no retries',
        'retry(3)',
        'retry, backoff',
        'retry, backoff, budget',
        'hedge',
        'hedge, budget',
        'adaptive bulkhead',
        'adaptive bulkhead, 503 as overload',
        'lastGood',
        'all but lastGood',
        'all together',
      ),
      { name: 'retry(3); the upstream stops for callers that left', strategy: 'retry(3)', stopsForCallers: true },
    ],
  },
];

/**
 * The upstream answers twice as many requests as there are pages, and its queue holds the requests of five seconds. It has 44 workers
 * for each process, and a request takes 22 ms on average.
 */
export const scenario = {
  rate: 1_000,
  workers: 44,
  queue: 10_000,
  before: 30,
  bad: 60,
  after: 60,
  seed: 1,
} as const satisfies Partial<Scenario>;
