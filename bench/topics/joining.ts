import { aggregate, background, silent, withLogger, withTimeout } from 'forkfast';
import { firstValueFrom, forkJoin, of, timeout } from 'rxjs';
import { type Ask, contenders } from '../contenders.ts';
import { digits, middle, table } from '../format.ts';
import { repeat } from '../repeat.ts';
import { Clients, compare, type Effort, type Spread } from '../rounds.ts';
import { stubFetch } from '../stub-fetch.ts';

// What joining costs, without a network: of services that answer at once, and of requests over a `fetch` that does.

interface Task {
  readonly services: number;
  readonly ms: number;
}

interface Figures {
  readonly services: number;
  readonly contenders: readonly { readonly name: string; readonly us: Spread; readonly ratio: Spread }[];
}

/** Makes what asks so many services that answer at once. */
type Join = (services: number) => Ask | Promise<Ask>;

const joins: Readonly<Record<string, Join>> = {
  'forkJoin + timeout, of of': (services) => {
    const all = Array.from({ length: services }, (_, index) => of(index));
    return () => firstValueFrom(forkJoin(all).pipe(timeout(30_000)));
  },
  'Promise.all + AbortController, of async functions': (services) => {
    const all = Array.from({ length: services }, (_, index) => (signal: AbortSignal) => {
      signal.throwIfAborted();
      return Promise.resolve(index);
    });
    return async () => {
      const controller = new AbortController();
      const timer = setTimeout(() => {
        controller.abort();
      }, 30_000);
      try {
        return await Promise.all(all.map((ask) => ask(controller.signal)));
      } catch (error) {
        controller.abort(error);
        throw error;
      } finally {
        clearTimeout(timer);
      }
    };
  },
  'forkfast, of of': (services) => {
    const all = Array.from({ length: services }, (_, index) => of(index));
    const ask = aggregate(
      all.map((answer) => () => answer),
      withTimeout(30_000),
      withLogger(silent),
    );
    return () => firstValueFrom(ask(background));
  },
};

/** The contenders over a stub of the global `fetch`; ky and undici have no place for one. */
const stubbed: Readonly<Record<string, Join>> = Object.fromEntries(
  contenders
    .filter(({ packages }) => !packages.includes('undici') && !packages.includes('ky'))
    .map(({ name, prepare }) => [
      `${name}, stubbed`,
      (services) =>
        prepare(
          Array.from({ length: services }, (_, index) => `http://127.0.0.1/${String(index)}`),
          30_000,
        ),
    ]),
);

const all = { ...joins, ...stubbed };
const BASE = 'forkJoin + fromFetch + timeout, stubbed';

export async function measure({ rounds, quick, takesPart, ...effort }: Effort): Promise<readonly Figures[]> {
  const clients = new Clients<Task, number>(
    'joining',
    Object.keys(all).filter((name) => name === BASE || takesPart(name)),
  );
  const figures: Figures[] = [];
  for (const services of effort.services([2, 10, 100, 1_000])) {
    const times = await clients.interleave(rounds, { services, ms: quick ? 20 : 150 }, (us) => us);
    figures.push({
      services,
      contenders: compare(times, BASE).map(({ name, value, ratio }) => ({ name, us: value, ratio })),
    });
  }
  clients.stop();
  return figures;
}

/** Microseconds of CPU time a run. */
export function work(name: string): (task: Task) => Promise<number> {
  globalThis.fetch = stubFetch as typeof fetch;
  const prepare = all[name];
  if (!prepare) throw new Error(`nothing is called ${name}`);
  return async ({ services, ms }) => {
    const ask = await prepare(services);
    return repeat(ask, ms);
  };
}

export function tables(figures: readonly Figures[]): string {
  const names = figures[0]?.contenders.map(({ name }) => name) ?? [];
  const head = figures.flatMap(({ services }) => [`${digits(services)} services, CPU µs`, 'ratio']);
  const rows = names.map((name, row) => [
    name,
    ...figures.flatMap(({ contenders }) => {
      const found = contenders[row];
      return found ? [digits(found.us.median), middle(found.ratio)] : ['', ''];
    }),
  ]);
  return table(['joining alone', ...head], rows);
}
