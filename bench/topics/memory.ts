import { setImmediate } from 'node:timers/promises';
import { contenderNames, contenderOf, startClient } from '../contenders/index.ts';
import { digits, table } from '../format.ts';
import type { Effort } from '../rounds.ts';

// The heap of a run of two services while it waits, without the connections: the transport never responds. For Go, the stacks of the
// goroutines count too.

interface Task {
  readonly runs: number;
}

type Figures = readonly { readonly name: string; readonly bytes: number; readonly ratio: number }[];

const BASE = 'forkJoin + fromFetch + timeout';

/** Connections would retain these objects. */
const retained: unknown[] = [];

/** Measures once, since the bytes hardly differ between rounds. */
export async function measure({ quick, includes }: Effort): Promise<Figures> {
  const names = contenderNames(({ connections }) => connections === undefined).filter(
    (name) => name === BASE || includes(name),
  );
  const counts: { name: string; bytes: number }[] = [];
  for (const name of names) {
    const client = startClient<Task, number>('memory', name, ['--expose-gc']);
    counts.push({ name, bytes: await client.run({ runs: quick ? 5_000 : 50_000 }) });
    client.stop();
  }
  const base = counts.find(({ name }) => name === BASE)?.bytes ?? NaN;
  return counts.map(({ name, bytes }) => ({ name, bytes, ratio: bytes / base }));
}

export function work(name: string): (task: Task) => Promise<number> {
  const { packages, prepare } = contenderOf(name);
  globalThis.fetch = neverFetch as typeof fetch;
  return async ({ runs }) => {
    if (packages.includes('undici')) await neverDispatch();
    const callAll = await prepare(['http://127.0.0.1/profile', 'http://127.0.0.1/orders'], 600_000);
    const waiting = Array.from({ length: 100 }, callAll); // creates the objects that all runs share
    const before = await heap();
    for (let run = 0; run < runs; run++) waiting.push(callAll());
    return ((await heap()) - before) / runs;
  };
}

/** Listens to the signal, and retains nothing else of `init`, as `fetch` does. */
function neverFetch(_url: unknown, { signal }: RequestInit = {}): Promise<Response> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', abort, { once: true });
    retained.push(resolve);
  });
}

async function neverDispatch(): Promise<void> {
  const { Agent } = await import('undici');
  Agent.prototype.dispatch = (_options, handler) => {
    retained.push(handler);
    return true;
  };
}

async function heap(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate(); // finalizers run between collections
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export function tables(figures: Figures): string {
  return table(
    ['a run in flight', 'bytes', 'ratio'],
    figures.map(({ name, bytes, ratio }) => [name, digits(bytes), digits(ratio)]),
  );
}
