import { setTimeout } from 'node:timers/promises';
import { type CallAll, contenderNames, contenderOf, startClient } from '../contenders/index.ts';
import { table } from '../format.ts';
import { type Effort, Upstream } from '../rounds.ts';

// Whether a contender fulfils the promises at all, as its caller and its services see it.

interface Task {
  readonly origins: readonly [string, string];
}

/** The results of the caller. */
interface CallerFigures {
  readonly answers: boolean;
  readonly failsFast: boolean;
  readonly keepsTimeout: boolean;
}

/** The results of the services: canceled requests must end. */
interface Figures extends CallerFigures {
  readonly name: string;
  readonly cancelsSibling: boolean;
  readonly cancelsAtTimeout: boolean;
}

export async function measure({ includes }: Effort): Promise<readonly Figures[]> {
  const upstream = new Upstream();
  const [first = '', second = ''] = await upstream.listen(2);
  const figures: Figures[] = [];
  for (const name of contenderNames().filter(includes)) {
    const client = startClient<Task, CallerFigures>('conformance', name);
    const result = await client.run({ origins: [first, second] });
    await setTimeout(100); // the services see the canceled requests close
    const { closedAfter, hanging } = await upstream.report();
    figures.push({
      name,
      ...result,
      cancelsSibling: 'failure' in closedAfter,
      cancelsAtTimeout: !hanging.includes('timeout'),
    });
    client.stop();
    await upstream.hangUp();
  }
  upstream.stop();
  return figures;
}

export function work(name: string): (task: Task) => Promise<CallerFigures> {
  const { prepare } = contenderOf(name);
  return async ({ origins: [first, second] }) => {
    const answers = await (await prepare([`${first}/ok`, `${second}/ok`], 5_000))();
    const failing = await prepare([`${first}/fail/failure`, `${second}/hang/failure`], 5_000);
    const late = await prepare([`${first}/ok`, `${second}/hang/timeout`], 200);
    return {
      answers: JSON.stringify(answers) === JSON.stringify(Array(2).fill({ name: 'Alice', orders: 5 })),
      failsFast: await failsWithin(failing, 2_500),
      keepsTimeout: await failsWithin(late, 1_000),
    };
  };
}

async function failsWithin(callAll: CallAll, ms: number): Promise<boolean> {
  const failed = callAll().then(
    () => false,
    () => true,
  );
  return Promise.race([failed, setTimeout(ms, false)]);
}

export function tables(figures: readonly Figures[]): string {
  const mark = (does: boolean): string => (does ? 'yes' : '**no**');
  return table(
    ['does it …', 'fail fast', 'cancel the sibling', 'keep the timeout', 'cancel at the timeout'],
    figures.map(({ name, answers, failsFast, cancelsSibling, keepsTimeout, cancelsAtTimeout }) => [
      answers ? name : `${name} (wrong answers)`,
      mark(failsFast),
      mark(cancelsSibling),
      mark(keepsTimeout),
      mark(cancelsAtTimeout),
    ]),
  );
}
