import { aggregate, background, withTimeout } from 'forkfast';
import { seeded, stragglers } from '../latencies.ts';
import type { Strategy } from './strategies.ts';
import { type Health, ModelUpstream } from '../model-upstream.ts';
import { inVirtualTime } from './virtual-time.ts';

/** The upstream grows with the number of processes, so that each process has the same share of it. */
export interface Scenario {
  readonly processes: number;
  /** Pages that each process begins in a second. */
  readonly rate: number;
  /** The workers of the upstream and the places in its queue, for each process. */
  readonly workers: number;
  readonly queue: number;
  readonly stopsForCallers: boolean;
  /** Seconds before, during and after the time in which the upstream is not well. */
  readonly before: number;
  readonly bad: number;
  readonly after: number;
  /** How the upstream is in the bad time. */
  readonly health: Health;
  readonly seed: number;
}

/** The counts of a second. */
export interface Second {
  /** The pages that began in this second, those of them that failed, and those that have an old answer. */
  pages: number;
  failed: number;
  old: number;
  /** The requests that arrived at the upstream. */
  requests: number;
}

/** The number of different pages: `lastGood` knows only those that its process has answered before. */
const inputs = 10_000;

/** Runs a scenario in virtual time, with one strategy in all processes. Each page is a run with one service. */
export function simulate(strategy: Strategy, scenario: Scenario): readonly Second[] {
  const { processes, rate, before, bad, after, seed } = scenario;
  // Each has its own generator, so that all strategies have the same arrivals.
  const arrivals = seeded(seed);
  const jitter = seeded(seed + 1);
  const latencyOf = stragglers(seeded(seed + 2));
  const upstream = new ModelUpstream({
    workers: scenario.workers * processes,
    queue: scenario.queue * processes,
    serviceTime: () => 3 * latencyOf(),
    random: seeded(seed + 3),
    stopsForCallers: scenario.stopsForCallers,
  });
  const pages = Array.from({ length: processes }, () =>
    aggregate({ answer: strategy(upstream.request, jitter) }, withTimeout(1_000)),
  );
  const seconds: Second[] = [];
  const begin = (page: (typeof pages)[number], now: number, second: Second): void => {
    second.pages++;
    page(background, Math.floor(inputs * arrivals())).subscribe({
      next: ({ answer }) => {
        if (answer < now) second.old++;
      },
      error: () => {
        second.failed++;
      },
    });
  };
  const noArrival = Math.exp(-rate / 1_000);
  const end = 1_000 * (before + bad + after);
  let second: Second = { pages: 0, failed: 0, old: 0, requests: 0 };
  const tick = (now: number): void => {
    if (now === 1_000 * before) upstream.health = scenario.health;
    if (now === 1_000 * (before + bad)) upstream.health = { slowness: 1, failing: 0 };
    if (now >= end) return;
    if (now % 1_000 === 0) seconds.push((second = { pages: 0, failed: 0, old: 0, requests: 0 }));
    // A Poisson process: the product of n random numbers is below exp(-mean) when n is above the number of arrivals.
    for (const page of pages) {
      for (let chance = arrivals(); chance > noArrival; chance *= arrivals()) begin(page, now, second);
    }
    second.requests += upstream.arrived;
    upstream.arrived = 0;
  };
  withoutStacks(() => {
    inVirtualTime(end + 1_001, tick); // one more second, in which the last pages end
  });
  return seconds;
}

/** The stacks of millions of errors would take most of the time. */
function withoutStacks(work: () => void): void {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
