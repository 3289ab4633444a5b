import type { Options } from './command-line.ts';
import { allowance } from './strategies.ts';
import type { Seen } from './upstream.ts';

/** What became of one question. */
export interface Outcome {
  readonly strategy: string;
  readonly answered: boolean;
  /** Milliseconds. */
  readonly elapsed: number;
}

/** How one strategy did. */
export interface Score {
  readonly asked: number;
  readonly answered: number;
  /** From 0 to 1. */
  readonly success: number;
  /** Milliseconds until the answer, of the questions that were answered; `null` where none was. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** What the upstream saw, in all. */
  readonly requests: number;
  /** What the upstream saw for each question. */
  readonly load: number;
  readonly closed: number;
}

/** What the program prints with `--json`. */
export interface Report extends Omit<Options, 'json' | 'help'> {
  /** How long it took, in seconds. */
  readonly seconds: number;
  readonly budget: typeof allowance;
  readonly strategies: Readonly<Record<string, Score>>;
}

export function reportOf(
  names: readonly string[],
  outcomes: readonly Outcome[],
  seen: Readonly<Record<string, Seen>>,
  { json, help, ...asked }: Options,
  seconds: number,
): Report {
  const scores = names.map((name) => {
    const own = outcomes.filter(({ strategy }) => strategy === name);
    return [name, scoreOf(own, seen[name] ?? { requests: 0, closed: 0 })] as const;
  });
  return { ...asked, seconds, budget: allowance, strategies: Object.fromEntries(scores) };
}

function scoreOf(outcomes: readonly Outcome[], { requests, closed }: Seen): Score {
  const times = outcomes
    .filter(({ answered }) => answered)
    .map(({ elapsed }) => elapsed)
    .sort((one, other) => one - other);
  /** The nearest rank. */
  const percentile = (percent: number): number | null => times[Math.ceil((times.length * percent) / 100) - 1] ?? null;
  return {
    asked: outcomes.length,
    answered: times.length,
    success: times.length / outcomes.length,
    p50: percentile(50),
    p99: percentile(99),
    requests,
    load: requests / outcomes.length,
    closed,
  };
}

/** For people. */
export function tableOf({ strategies, ...report }: Report): string {
  const { requests, concurrency, slow, failing, seed, seconds, budget } = report;
  const rows = Object.entries(strategies).map(([name, { asked, success, p50, p99, load, closed }]) => [
    name,
    String(asked),
    `${(100 * success).toFixed(1)} %`,
    p50 === null ? '-' : String(p50),
    p99 === null ? '-' : String(p99),
    load.toFixed(2),
    String(closed),
  ]);
  const cells = [['', 'asked', 'success', 'p50 ms', 'p99 ms', 'load', 'closed'], ...rows];
  const lines = cells.map(
    ([name = '', ...others]) => name.padEnd(10) + others.map((text) => text.padStart(9)).join(''),
  );
  return [
    `${String(requests)} questions each, ${String(concurrency)} at a time, in ${seconds.toFixed(1)} s;` +
      ` of the requests ${String(slow)} % take 200 ms longer, ${String(failing)} % end with a 503; seed ${String(seed)}`,
    '',
    ...lines,
    '',
    'p50, p99: until the answer, of the questions that were answered',
    `load: requests that the upstream saw for each question; the budget allows ${String(1 + budget.ratio)},` +
      ` and ${String(budget.min)} more a second`,
    'closed: connections that the upstream saw close before it had answered, because another attempt had won',
    ...(Object.values(strategies).some(({ asked }) => asked < requests)
      ? ['not all were asked: it took too long']
      : []),
  ].join('\n');
}
