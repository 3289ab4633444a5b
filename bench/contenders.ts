import { timeout as within, TimeoutStrategy } from 'cockatiel';
import { Effect } from 'effect';
import { aggregate, background, type Context, fetchJson, withFetch, withTimeout } from 'forkfast';
import type { UndiciFetch } from 'forkfast/undici';
import ky from 'ky';
import pMap from 'p-map';
import { defer, firstValueFrom, forkJoin, type Observable, timeout as timesOut } from 'rxjs';
import { fromFetch } from 'rxjs/fetch';
import type { Agent } from 'undici';

/** A way to call several services at once, written as its own documentation does. */
export interface Contender {
  readonly name: string;
  /** The packages that it uses. */
  readonly packages: readonly string[];
  /** Returns a function that requests the JSON of all `urls`, with a timeout of `ms`. */
  readonly prepare: (urls: readonly string[], ms: number) => CallAll | Promise<CallAll>;
  /** Returns the same as an Observable, if the contender has Observables. */
  readonly observe?: (urls: readonly string[], ms: number) => Promise<Observable<unknown>>;
}

export type CallAll = () => Promise<unknown>;

/** A contender with Observables. */
function withObservables(
  name: string,
  packages: readonly string[],
  observe: (urls: readonly string[], ms: number) => Observable<unknown> | Promise<Observable<unknown>>,
): Contender {
  const prepare: Contender['prepare'] = async (urls, ms) => {
    const answers = await observe(urls, ms);
    return () => firstValueFrom(answers);
  };
  return { name, packages, prepare, observe: async (urls, ms) => observe(urls, ms) };
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

const rxjs = withObservables('forkJoin + fromFetch + timeout', ['rxjs'], (urls, ms) =>
  // Created for each run, since URLs depend on the input in a real program.
  defer(() => forkJoin(urls.map((url) => fromFetch(url, { selector: json }))).pipe(timesOut(ms))),
);

const effect: Contender = {
  name: 'Effect.all + timeout',
  packages: ['effect'],
  prepare: (urls, ms) => {
    const get = (url: string) => Effect.tryPromise(async (signal) => json(await fetch(url, { signal })));
    return () => Effect.runPromise(Effect.all(urls.map(get), { concurrency: 'unbounded' }).pipe(Effect.timeout(ms)));
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
  prepare: async (urls) => {
    const get = await requestJson();
    return () => Promise.all(urls.map((url) => get(url, null)));
  },
};

const undiciByHand: Contender = {
  name: 'undici.request + Promise.all + AbortController',
  packages: ['undici'],
  prepare: async (urls, ms) => {
    const get = await requestJson();
    return () => abortable(ms, (signal) => Promise.all(urls.map((url) => get(url, signal))));
  },
};

/** The smallest use of undici, without cancellation and with little error handling: the lower bound for forkfast/undici. */
const undiciDispatch: Contender = {
  name: 'undici dispatch + Promise.all',
  packages: ['undici'],
  prepare: async (urls) => {
    const { Agent } = await import('undici');
    const dispatcher = (agent ??= new Agent());
    const get = (url: string): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const { origin, pathname, search } = new URL(url);
        const chunks: Uint8Array[] = [];
        const options = { origin, path: pathname + search, method: 'GET', headers: ['accept', 'application/json'] };
        dispatcher.dispatch(options, {
          onRequestStart: () => undefined,
          onResponseStart: (_controller, status) => {
            if (status !== 200) reject(new Error(`HTTP ${String(status)}`));
          },
          onResponseData: (_controller, chunk) => chunks.push(chunk),
          onResponseEnd: () => {
            resolve(JSON.parse(Buffer.concat(chunks).toString()));
          },
          onResponseError: (_controller, error) => {
            reject(error);
          },
        });
      });
    return () => Promise.all(urls.map(get));
  },
};

const forkfast = withObservables('forkfast', ['forkfast', 'rxjs'], (urls, ms) => {
  const services = urls.map((url) => (ctx: Context) => fetchJson(ctx, url));
  return aggregate(services, withTimeout(ms))(background);
});

const forkfastUndici = withObservables(
  'forkfast + forkfast/undici',
  ['forkfast', 'rxjs', 'undici'],
  async (urls, ms) => {
    const { undiciFetch } = await import('forkfast/undici');
    transport ??= undiciFetch();
    const services = urls.map((url) => (ctx: Context) => fetchJson(ctx, url));
    return aggregate(services, withTimeout(ms), withFetch(transport))(background);
  },
);

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
  undiciDispatch,
  forkfast,
  forkfastUndici,
];

/** The other contenders are compared with this one. */
export const BASE: string = bare.name;

async function abortable<T>(ms: number, callAll: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new Error(`timed out after ${String(ms)} ms`));
  }, ms);
  try {
    return await callAll(controller.signal);
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

let transport: UndiciFetch | undefined;
let agent: Agent | undefined;

/**
 * Only the contenders that use undici load it, since it may replace the dispatcher of the global `fetch`. They pass a dispatcher,
 * since the global one may be that of Node.
 */
async function requestJson(): Promise<(url: string, signal: AbortSignal | null) => Promise<unknown>> {
  const { Agent, request } = await import('undici');
  const dispatcher = (agent ??= new Agent());
  return async (url, signal) => {
    const { statusCode, body } = await request(url, { dispatcher, signal });
    if (statusCode !== 200) throw new Error(`HTTP ${String(statusCode)}`);
    return body.json();
  };
}

export function contenderOf(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name);
  if (!found) throw new Error(`expected the name of a contender, got ${name}`);
  return found;
}
