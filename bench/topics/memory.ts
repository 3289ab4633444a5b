import { setImmediate } from 'node:timers/promises';
import { Child } from '../child.ts';
import { contenderOf, contenders } from '../contenders.ts';
import { digits, table } from '../format.ts';
import type { Effort } from '../rounds.ts';

// The bytes that a run of two services holds while it waits: on the heap, without the connections, over a transport that
// never answers.

interface Task {
  readonly runs: number;
}

type Figures = readonly { readonly name: string; readonly bytes: number; readonly ratio: number }[];

const BASE = 'forkJoin + fromFetch + timeout';

/** What connections would hold on to. */
const held: unknown[] = [];

/** Once: it is counted and not timed, and hardly differs. */
export async function measure({ quick, takesPart }: Effort): Promise<Figures> {
  const names = contenders.map(({ name }) => name).filter((name) => name === BASE || takesPart(name));
  const counts: { name: string; bytes: number }[] = [];
  for (const name of names) {
    const client = new Child<Task, number>('client.ts', ['memory', name], ['--expose-gc']);
    counts.push({ name, bytes: await client.ask({ runs: quick ? 5_000 : 100_000 }) });
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
    const ask = await prepare(['http://127.0.0.1/profile', 'http://127.0.0.1/orders'], 600_000);
    const waiting = Array.from({ length: 100 }, ask); // what is made once is there
    const before = await heap();
    for (let run = 0; run < runs; run++) waiting.push(ask());
    return ((await heap()) - before) / runs;
  };
}

/** Listens to its signal and keeps nothing else of its `init`, as `fetch` does, which makes a `Request` of its own. */
function neverFetch(_url: unknown, { signal }: RequestInit = {}): Promise<Response> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', abort, { once: true });
    held.push(resolve);
  });
}

async function neverDispatch(): Promise<void> {
  const { Agent } = await import('undici');
  Agent.prototype.dispatch = (_options, handler) => {
    held.push(handler);
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
