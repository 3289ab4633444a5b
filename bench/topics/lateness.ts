import { setTimeout } from 'node:timers/promises';
import { quantile } from 'd3-array';
import { cancelsWithoutBound, contenderNames, contenderOf } from '../contenders/index.ts';
import { digits, table } from '../format.ts';
import { Clients, type Effort, Upstream } from '../rounds.ts';

// The delay of a timeout of one second, with 1,000 runs of two services that never respond: all runs start at once, or one starts
// each millisecond.

interface Task {
  readonly origins: readonly string[];
  readonly runs: number;
  readonly ms: number;
  readonly spread: boolean;
}

interface Figures {
  readonly start: string;
  readonly contenders: readonly { readonly name: string; readonly median: number; readonly p99: number }[];
}

export async function measure({ rounds, quick, includes }: Effort): Promise<readonly Figures[]> {
  const upstream = new Upstream();
  const origins = await upstream.listen(2);
  const clients = new Clients<Task, readonly number[]>(
    'lateness',
    contenderNames(cancelsWithoutBound).filter(includes),
  );
  const figures: Figures[] = [];
  for (const [start, spread] of Object.entries({ 'at once': false, 'one a millisecond': true })) {
    const task = { origins, runs: quick ? 100 : 1_000, ms: quick ? 200 : 1_000, spread };
    const late = await clients.interleave(Math.ceil(rounds / 5), task, async (own) => {
      await upstream.hangUp();
      return own;
    });
    figures.push({
      start,
      contenders: [...late].map(([name, own]) => ({
        name,
        median: quantile(own.flat(), 0.5) ?? NaN,
        p99: quantile(own.flat(), 0.99) ?? NaN,
      })),
    });
  }
  clients.stop();
  upstream.stop();
  return figures;
}

export function work(name: string): (task: Task) => Promise<readonly number[]> {
  const { prepare } = contenderOf(name);
  return async ({ origins, runs, ms, spread }) => {
    const callAll = await prepare(
      origins.map((origin) => `${origin}/hang`),
      ms,
    );
    const lateness = async (): Promise<number> => {
      const startedAt = performance.now();
      await callAll().catch(() => undefined);
      return performance.now() - startedAt - ms;
    };
    const late: Promise<number>[] = [];
    for (let run = 0; run < runs; run++) {
      late.push(lateness());
      if (spread) await setTimeout(1);
    }
    return Promise.all(late);
  };
}

export function tables(figures: readonly Figures[]): string {
  const rows = figures[0]?.contenders.map(({ name }) => name) ?? [];
  return table(
    ['ms late', ...figures.flatMap(({ start }) => [`${start}: median`, 'p99'])],
    rows.map((name, row) => [
      name,
      ...figures.flatMap(({ contenders }) => {
        const { median = NaN, p99 = NaN } = contenders[row] ?? {};
        return [digits(median), digits(p99)];
      }),
    ]),
  );
}
