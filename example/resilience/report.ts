import type { Options } from './command-line.ts';
import { budgetConfig } from './strategies.ts';
import type { Counts } from './upstream.ts';

/** The outcome of one call. */
export interface Outcome {
  readonly strategy: string;
  readonly answered: boolean;
  /** Milliseconds. */
  readonly elapsed: number;
}

/** The result of one strategy. */
export interface Score {
  readonly calls: number;
  readonly answered: number;
  /** From 0 to 1. */
  readonly success: number;
  /** Milliseconds until the answer, for the answered calls. `null` if no call was answered. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** Requests at the upstream. */
  readonly requests: number;
  /** Requests at the upstream per call. */
  readonly load: number;
  readonly closed: number;
}

/** The JSON of the report. */
export interface Report extends Omit<Options, 'json' | 'help'> {
  /** Duration of the program, in seconds. */
  readonly seconds: number;
  readonly budget: typeof budgetConfig;
  readonly strategies: Readonly<Record<string, Score>>;
}

export function reportOf(
  names: readonly string[],
  outcomes: readonly Outcome[],
  countsOf: Readonly<Record<string, Counts>>,
  { json, help, ...options }: Options,
  seconds: number,
): Report {
  const scores = names.map((name) => {
    const own = outcomes.filter(({ strategy }) => strategy === name);
    return [name, scoreOf(own, countsOf[name] ?? { requests: 0, closed: 0 })] as const;
  });
  return { ...options, seconds, budget: budgetConfig, strategies: Object.fromEntries(scores) };
}

function scoreOf(outcomes: readonly Outcome[], { requests, closed }: Counts): Score {
  const times = outcomes
    .filter(({ answered }) => answered)
    .map(({ elapsed }) => elapsed)
    .sort((one, other) => one - other);
  /** The nearest rank. */
  const percentile = (percent: number): number | null => times[Math.ceil((times.length * percent) / 100) - 1] ?? null;
  return {
    calls: outcomes.length,
    answered: times.length,
    success: times.length / outcomes.length,
    p50: percentile(50),
    p99: percentile(99),
    requests,
    load: requests / outcomes.length,
    closed,
  };
}

/** Formats the report as a table. */
export function tableOf({ strategies, ...report }: Report): string {
  const { calls, concurrency, slow, failing, seed, seconds, budget } = report;
  const rows = Object.entries(strategies).map(([name, { calls, success, p50, p99, load, closed }]) => [
    name,
    String(calls),
    `${(100 * success).toFixed(1)} %`,
    p50 === null ? '-' : String(p50),
    p99 === null ? '-' : String(p99),
    load.toFixed(2),
    String(closed),
  ]);
  const cells = [['', 'calls', 'success', 'p50 ms', 'p99 ms', 'load', 'closed'], ...rows];
  const lines = cells.map(
    ([name = '', ...others]) => name.padEnd(10) + others.map((text) => text.padStart(9)).join(''),
  );
  return [
    `${String(calls)} calls of each strategy, ${String(concurrency)} at a time, in ${seconds.toFixed(1)} s;` +
      ` ${String(slow)} % of the requests take 200 ms longer, ${String(failing)} % end with a 503; seed ${String(seed)}`,
    '',
    ...lines,
    '',
    'p50, p99: time until the answer, for the answered calls',
    `load: requests at the upstream per call; the budget allows ${String(1 + budget.ratio)},` +
      ` and ${String(budget.min)} more per second`,
    'closed: connections that the client closed before the response, because another attempt had won',
    ...(Object.values(strategies).some((score) => score.calls < calls)
      ? ['some calls are missing: the time limit passed']
      : []),
  ].join('\n');
}
