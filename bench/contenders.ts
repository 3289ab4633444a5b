import { timeout as within, TimeoutStrategy } from 'cockatiel';
import { Effect } from 'effect';
import { aggregate, background, type Context, fetchJson, silent, withFetch, withLogger, withTimeout } from 'forkfast';
import { undiciFetch } from 'forkfast/undici';
import ky from 'ky';
import pMap from 'p-map';
import { firstValueFrom, forkJoin, timeout as timesOut } from 'rxjs';
import { fromFetch } from 'rxjs/fetch';
import { request } from 'undici';

/** One way to ask several services at once, each written as its own documentation does. */
export interface Contender {
  readonly name: string;
  /** What it is made of, for the versions in the results. */
  readonly packages: readonly string[];
  /** Makes what then asks all `urls` for their JSON, again and again, each time within `ms`. */
  readonly prepare: (urls: readonly string[], ms: number) => () => Promise<unknown>;
}

const bare: Contender = {
  name: 'fetch + Promise.all',
  packages: [],
  prepare: (urls) => () => Promise.all(urls.map(async (url) => json(await fetch(url)))),
};

const byHand: Contender = {
  name: 'fetch + Promise.all + AbortController',
  packages: [],
  prepare: (urls, ms) => () =>
    abortable(ms, (signal) => Promise.all(urls.map(async (url) => json(await fetch(url, { signal }))))),
};

const rxjs: Contender = {
  name: 'forkJoin + fromFetch + timeout',
  packages: ['rxjs'],
  prepare: (urls, ms) => () =>
    firstValueFrom(forkJoin(urls.map((url) => fromFetch(url, { selector: json }))).pipe(timesOut(ms))),
};

const effect: Contender = {
  name: 'Effect.all + timeout',
  packages: ['effect'],
  prepare: (urls, ms) => {
    const ask = (url: string) => Effect.tryPromise(async (signal) => json(await fetch(url, { signal })));
    const all = Effect.all(urls.map(ask), { concurrency: 'unbounded' }).pipe(Effect.timeout(ms));
    return () => Effect.runPromise(all);
  },
};

const pmap: Contender = {
  name: 'p-map + AbortController',
  packages: ['p-map'],
  prepare: (urls, ms) => () =>
    abortable(ms, (signal) => pMap(urls, async (url) => json(await fetch(url, { signal })), { signal })),
};

const cockatiel: Contender = {
  name: 'cockatiel timeout',
  packages: ['cockatiel'],
  prepare: (urls, ms) => {
    const policy = within(ms, TimeoutStrategy.Aggressive);
    return () =>
      policy.execute(({ signal }) => Promise.all(urls.map(async (url) => json(await fetch(url, { signal })))));
  },
};

const kyJson: Contender = {
  name: 'ky + AbortController',
  packages: ['ky'],
  prepare: (urls, ms) => {
    const api = ky.create({ retry: 0, timeout: false });
    return () => abortable(ms, (signal) => Promise.all(urls.map((url) => api(url, { signal }).json())));
  },
};

const undiciRequest: Contender = {
  name: 'undici.request + Promise.all',
  packages: ['undici'],
  prepare: (urls) => () => Promise.all(urls.map((url) => requestJson(url))),
};

const undiciByHand: Contender = {
  name: 'undici.request + Promise.all + AbortController',
  packages: ['undici'],
  prepare: (urls, ms) => () => abortable(ms, (signal) => Promise.all(urls.map((url) => requestJson(url, signal)))),
};

const forkfast: Contender = {
  name: 'forkfast',
  packages: ['forkfast', 'rxjs'],
  prepare: (urls, ms) => {
    const services = urls.map((url) => (ctx: Context) => fetchJson(ctx, url));
    const ask = aggregate(services, withTimeout(ms), withLogger(silent));
    return () => firstValueFrom(ask(background));
  },
};

const forkfastUndici: Contender = {
  name: 'forkfast + forkfast/undici',
  packages: ['forkfast', 'rxjs', 'undici'],
  prepare: (urls, ms) => {
    const services = urls.map((url) => (ctx: Context) => fetchJson(ctx, url));
    const ask = aggregate(services, withTimeout(ms), withLogger(silent), withFetch((transport ??= undiciFetch())));
    return () => firstValueFrom(ask(background));
  },
};

/** The first is what the others are compared with. */
export const contenders: readonly Contender[] = [
  bare,
  byHand,
  rxjs,
  effect,
  pmap,
  cockatiel,
  kyJson,
  undiciRequest,
  undiciByHand,
  forkfast,
  forkfastUndici,
];

let transport: ReturnType<typeof undiciFetch> | undefined;

async function abortable<T>(ms: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new Error(`${String(ms)} ms have passed`));
  }, ms);
  try {
    return await ask(controller.signal);
  } catch (error) {
    controller.abort(error);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function json(response: Response): Promise<unknown> {
  if (!response.ok) throw new Error(`HTTP ${String(response.status)}`);
  return response.json();
}

async function requestJson(url: string, signal?: AbortSignal): Promise<unknown> {
  const { statusCode, body } = await request(url, { signal: signal ?? null });
  if (statusCode !== 200) throw new Error(`HTTP ${String(statusCode)}`);
  return body.json();
}

export function contenderOf(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name);
  if (!found) throw new Error(`no contender is called ${name}`);
  return found;
}
