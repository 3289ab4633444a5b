import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { adaptive, type AdaptiveLimit, background, bulkhead, fetchJson } from 'forkfast';
import { asyncScheduler, type Subscription } from 'rxjs';
import { digits, table } from '../format.ts';
import type { Effort } from '../rounds.ts';

// The goodput of a bulkhead beside an upstream whose capacity halves in the middle of the run. The upstream has 20 workers that
// need 100 ms for a request, and a queue. 1.5 times as many requests arrive as it can answer. A caller waits for 1,500 ms.

type Figures = readonly {
  readonly name: string;
  /** Answers within the patience of the callers, per second, before and after the capacity has halved. */
  readonly before: number;
  readonly after: number;
  /** The mean latency of these answers, in milliseconds. */
  readonly latency: number;
}[];

const workers = 20;
const serviceTime = 100;
const patience = 1_500;

const limits: Readonly<Record<string, () => number | AdaptiveLimit>> = {
  ...Object.fromEntries([5, 10, 20, 40, 80, 160].map((n) => [`bulkhead(${String(n)})`, () => n])),
  'bulkhead(adaptive({ min: 1, max: 400 }))': () => adaptive({ min: 1, max: 400 }),
};

export async function measure({ quick, includes }: Effort): Promise<Figures> {
  const figures = [];
  for (const [name, limit] of Object.entries(limits)) {
    if (includes(name)) figures.push({ name, ...(await goodput(limit(), quick ? 1_000 : 10_000)) });
  }
  return figures;
}

async function goodput(n: number | AdaptiveLimit, half: number): Promise<Omit<Figures[number], 'name'>> {
  const { setWorkers, url, stop } = await listen();
  const limited = bulkhead(n, { queue: 60 });
  const calls = new Set<Subscription>();
  const answers = { before: 0, after: 0 };
  let latency = 0;
  let phase: 'before' | 'after' = 'before';
  const call = (): void => {
    const startedAt = performance.now();
    const deadline = asyncScheduler.now() + patience;
    const subscription = fetchJson(background, url)
      .pipe(limited.for({ deadline }))
      .subscribe({
        complete: () => {
          answers[phase]++;
          latency += performance.now() - startedAt;
        },
        error: () => undefined,
      });
    calls.add(subscription);
    const timer = setTimeout(() => {
      subscription.unsubscribe();
    }, patience);
    subscription.add(() => {
      clearTimeout(timer);
      calls.delete(subscription);
    });
  };
  const startedAt = performance.now();
  let sent = 0;
  await new Promise<void>((resolve) => {
    const arrivals = setInterval(() => {
      const elapsed = performance.now() - startedAt;
      if (elapsed >= half && phase === 'before') {
        phase = 'after';
        setWorkers(workers / 2);
      }
      if (elapsed >= 2 * half) {
        clearInterval(arrivals);
        resolve();
        return;
      }
      for (const due = (elapsed * 1.5 * workers) / serviceTime; sent < due; sent++) call();
    }, 1);
  });
  for (const subscription of calls) subscription.unsubscribe();
  stop();
  const perSecond = (count: number): number => (count * 1_000) / half;
  return {
    before: perSecond(answers.before),
    after: perSecond(answers.after),
    latency: latency / (answers.before + answers.after),
  };
}

/** A server that answers callers that have left, as most servers do. */
async function listen(): Promise<{ setWorkers: (n: number) => void; url: string; stop: () => void }> {
  const queue: ServerResponse[] = [];
  let free = workers;
  const work = (): void => {
    while (free > 0) {
      const response = queue.shift();
      if (!response) return;
      free--;
      setTimeout(() => {
        free++;
        response.setHeader('content-type', 'application/json').end('1');
        work();
      }, serviceTime);
    }
  };
  const server = createServer((_request, response) => {
    queue.push(response);
    work();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`,
    setWorkers: (n) => {
      free -= workers - n;
    },
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

export function tables(figures: Figures): string {
  return table(
    ['answers per second', 'before', 'after', 'mean ms'],
    figures.map(({ name, before, after, latency }) => [name, digits(before), digits(after), digits(latency)]),
  );
}
