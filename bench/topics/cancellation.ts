import { setTimeout } from 'node:timers/promises';
import { cancelsWithoutBound, contenderNames, contenderOf } from '../contenders/index.ts';
import { drive } from '../drive.ts';
import { digits, middle, table } from '../format.ts';
import { Clients, type Effort, type Spread, spread, Upstream } from '../rounds.ts';

// The time from the first failure until the connection of the sibling closes, measured by the services: from the moment when they
// write the failure.

interface Task {
  readonly origins: readonly [string, string];
  /** The runs in flight call other services, so that a bound of connections does not delay the failure. */
  readonly loadOrigins: readonly string[];
  readonly failures: number;
  /** Runs in flight during the measurement. */
  readonly inFlight: number;
  /** Milliseconds for which the error handler blocks. */
  readonly blocking: number;
}

interface Figures {
  readonly state: string;
  readonly contenders: readonly {
    readonly name: string;
    readonly ms: Spread;
    /** Failures after which the connection of the sibling did not close. */
    readonly never: number;
  }[];
}

const states: Readonly<Record<string, Pick<Task, 'inFlight' | 'blocking'>>> = {
  idle: { inFlight: 0, blocking: 0 },
  '500 in flight': { inFlight: 500, blocking: 0 },
  'a handler that blocks 40 ms': { inFlight: 0, blocking: 40 },
};

export async function measure({ rounds, quick, includes }: Effort): Promise<readonly Figures[]> {
  const upstream = new Upstream();
  const [first = '', second = '', ...loadOrigins] = await upstream.listen(4);
  const clients = new Clients<Task, null>('cancellation', contenderNames(cancelsWithoutBound).filter(includes));
  const figures: Figures[] = [];
  for (const [state, load] of Object.entries(states).filter(([, { inFlight }]) => inFlight === 0 || !quick)) {
    const task: Task = { origins: [first, second], loadOrigins, failures: quick ? 3 : 15, ...load };
    const closes = await clients.interleave(Math.ceil(rounds / 4), task, async () => {
      const { closedAfter, hanging } = await upstream.report();
      await upstream.hangUp();
      return { ms: Object.values(closedAfter), never: hanging.length };
    });
    figures.push({
      state,
      contenders: [...closes].map(([name, own]) => ({
        name,
        ms: spread(own.flatMap(({ ms }) => ms)),
        never: own.reduce((sum, { never }) => sum + never, 0),
      })),
    });
  }
  clients.stop();
  upstream.stop();
  return figures;
}

export function work(name: string): (task: Task) => Promise<void> {
  const { prepare, observe } = contenderOf(name);
  let id = 0;
  return async ({ origins: [first, second], loadOrigins, failures, inFlight, blocking }) => {
    const load = await prepare(
      loadOrigins.map((origin) => `${origin}/within/1000`),
      30_000,
    );
    const loaded = drive(load, inFlight, inFlight > 0 ? failures * 30 + 1_000 : 0);
    if (inFlight > 0) await setTimeout(1_000); // opens all connections
    for (let failure = 0; failure < failures; failure++) {
      const urls = [`${first}/fail/${String(++id)}`, `${second}/hang/${String(id)}`];
      const answers = await observe?.(urls, 30_000);
      const callAll = await prepare(urls, 30_000);
      await new Promise<void>((resolve) => {
        const handle = (): void => {
          block(blocking);
          resolve();
        };
        if (answers) answers.subscribe({ error: handle });
        else void callAll().catch(handle);
      });
      await setTimeout(10);
    }
    await loaded;
    await setTimeout(50); // the services see the last close
  };
}

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

export function tables(figures: readonly Figures[]): string {
  const rows = figures[0]?.contenders.map(({ name }) => name) ?? [];
  return table(
    ['ms to the sibling’s close', ...figures.map(({ state }) => state)],
    rows.map((name, row) => [
      name,
      ...figures.map(({ contenders }) => {
        const found = contenders[row];
        if (!found) return '';
        return found.never > 0 ? `${digits(found.never)} never` : middle(found.ms);
      }),
    ]),
  );
}
