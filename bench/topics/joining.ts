import { aggregate, background, withTimeout } from 'forkfast';
import { firstValueFrom, forkJoin, of, timeout } from 'rxjs';
import { type CallAll, contenders } from '../contenders/index.ts';
import { duties } from '../duties.ts';
import { digits, middle, table } from '../format.ts';
import { repeat } from '../repeat.ts';
import { Clients, compare, type Effort, type Spread } from '../rounds.ts';
import { stubFetch } from '../stub-fetch.ts';

// The cost of joining without a network: of services that emit at once, and of requests over a `fetch` that resolves at once.

interface Task {
  readonly services: number;
  readonly ms: number;
}

interface Figures {
  readonly services: number;
  readonly contenders: readonly { readonly name: string; readonly us: Spread; readonly ratio: Spread }[];
}

/** Returns a function that calls that many services. All of them emit at once. */
type Join = (services: number) => CallAll | Promise<CallAll>;

const joins: Readonly<Record<string, Join>> = {
  'forkJoin + timeout, of of(value)': (services) => {
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
        return await Promise.all(all.map((service) => service(controller.signal)));
      } catch (error) {
        controller.abort(error);
        throw error;
      } finally {
        clearTimeout(timer);
      }
    };
  },
  'forkfast, of of(value)': (services) => {
    const all = Array.from({ length: services }, (_, index) => of(index));
    const service = aggregate(
      all.map((answer) => () => answer),
      withTimeout(30_000),
    );
    return () => firstValueFrom(service(background));
  },
};

/** The contenders over a stub of the global `fetch`. ky and undici do not use the global one. */
const stubbed: Readonly<Record<string, Join>> = Object.fromEntries(
  contenders
    .filter(({ packages }) => !packages.includes('undici') && !packages.includes('ky'))
    .map(({ name, prepare }) => [`${name}, stubbed`, (services) => prepare(urlsOf(services), 30_000)]),
);

function urlsOf(services: number): readonly string[] {
  return Array.from({ length: services }, (_, index) => `http://127.0.0.1/${String(index)}`);
}

const byHand: Readonly<Record<string, Join>> = Object.fromEntries(
  Object.entries(duties).map(([name, prepare]) => [name, (services) => prepare(urlsOf(services), 30_000)]),
);

const all = { ...joins, ...stubbed, ...byHand };
const BASE = 'forkJoin + fromFetch + timeout, stubbed';

export async function measure({ rounds, quick, includes, ...effort }: Effort): Promise<readonly Figures[]> {
  const clients = new Clients<Task, number>(
    'joining',
    Object.keys(all).filter((name) => name === BASE || includes(name)),
  );
  const figures: Figures[] = [];
  for (const services of effort.services(quick ? [2, 10] : [2, 10, 100, 1_000, 10_000])) {
    const times = await clients.interleave(rounds, { services, ms: quick ? 100 : 150 }, (us) => us);
    figures.push({
      services,
      contenders: compare(times, BASE).map(({ name, value, ratio }) => ({ name, us: value, ratio })),
    });
  }
  clients.stop();
  return figures;
}

/** Returns the microseconds of CPU time per run. */
export function work(name: string): (task: Task) => Promise<number> {
  globalThis.fetch = stubFetch as typeof fetch;
  const prepare = all[name];
  if (!prepare) throw new Error(`expected the name of a join, got ${name}`);
  return async ({ services, ms }) => {
    const callAll = await prepare(services);
    return repeat(callAll, ms);
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
