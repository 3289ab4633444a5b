import { setImmediate, setTimeout } from 'node:timers/promises';
import { quantile } from 'd3-array';
import { type CallAll, contenderOf, startClient } from '../contenders/index.ts';
import { digits, table } from '../format.ts';
import { type Effort, Upstream } from '../rounds.ts';

// 1,000 runs of two services in flight, for a minute. Every 100th run fails, because one of its services responds with a 500 while
// the other one waits. Every run must end as expected.

interface Task {
  readonly origins: readonly string[];
  readonly inFlight: number;
  readonly ms: number;
}

interface Sample {
  readonly started: number;
  readonly answered: number;
  readonly failed: number;
  /** Runs that ended, but not as expected. */
  readonly wrong: number;
  readonly p99: number;
}

type Figures = readonly ({ readonly name: string; readonly seconds: number; readonly inFlight: number } & Sample)[];

const contested = ['forkfast', 'forkfast + forkfast/undici'];
/** Milliseconds. Much longer than a run takes, even on a busy machine. */
const TIMEOUT = 40_000;

export async function measure({ quick, includes, ...effort }: Effort): Promise<Figures> {
  const [inFlight = 0] = effort.inFlight([1_000]);
  const seconds = quick ? 3 : 60;
  const figures = [];
  for (const name of contested.filter(includes)) {
    const upstream = new Upstream();
    const origins = await upstream.listen(2);
    const client = startClient<Task, Sample>('sustained', name);
    figures.push({ name, seconds, inFlight, ...(await client.run({ origins, inFlight, ms: 1_000 * seconds })) });
    client.stop();
    upstream.stop();
  }
  return figures;
}

export function work(name: string): (task: Task) => Promise<Sample> {
  const { prepare } = contenderOf(name);
  return async ({ origins: [first = '', second = ''], inFlight, ms }) => {
    const answering = await prepare([`${first}/within/10`, `${second}/within/10`], TIMEOUT);
    const failing = await prepare([`${first}/refuse`, `${second}/within/2000`], TIMEOUT);
    const counts = { started: 0, answered: 0, failed: 0, wrong: 0 };
    const durations: number[] = [];
    const until = performance.now() + ms;
    const run = async (callAll: CallAll, expected: 'answered' | 'failed'): Promise<void> => {
      const startedAt = performance.now();
      const outcome = await callAll().then(
        () => 'answered',
        (error: unknown) => (String(error).includes('HTTP 500') ? 'failed' : String(error)),
      );
      durations.push(performance.now() - startedAt);
      counts[outcome === expected ? expected : 'wrong']++;
      if (outcome !== expected && counts.wrong === 1) console.error(`${name}: expected ${expected}, got ${outcome}`);
    };
    const loop = async (): Promise<void> => {
      do {
        counts.started++;
        await (counts.started % 100 === 0 ? run(failing, 'failed') : run(answering, 'answered'));
        await setImmediate();
      } while (performance.now() < until);
    };
    const loops = Promise.all(Array.from({ length: inFlight }, loop));
    // A run that has not ended by then is lost.
    await Promise.race([loops, setTimeout(ms + TIMEOUT + 5_000)]);
    return { ...counts, p99: quantile(durations, 0.99) ?? NaN };
  };
}

export function tables(figures: Figures): string {
  const { seconds = NaN, inFlight = NaN } = figures[0] ?? {};
  return table(
    [`${digits(inFlight)} in flight for ${digits(seconds)} s`, 'runs', 'answered', 'failed', 'wrong', 'lost', 'p99 ms'],
    figures.map(({ name, started, answered, failed, wrong, p99 }) => {
      const lost = started - answered - failed - wrong;
      return [
        name,
        ...[started, answered, failed, wrong, lost].map((count) => count.toLocaleString('en')),
        digits(p99),
      ];
    }),
  );
}
