import { timeout as within, TimeoutStrategy } from 'cockatiel';
import { Effect } from 'effect';
import { aggregate, background, type Context, fetchJson, silent, withFetch, withLogger, withTimeout } from 'forkfast';
import type { UndiciFetch } from 'forkfast/undici';
import ky from 'ky';
import pMap from 'p-map';
import { defer, firstValueFrom, forkJoin, type Observable, timeout as timesOut } from 'rxjs';
import { fromFetch } from 'rxjs/fetch';
import type { Agent } from 'undici';

/** One way to ask several services at once, each written as its own documentation does. */
export interface Contender {
  readonly name: string;
  /** What it is made of. */
  readonly packages: readonly string[];
  /** Makes what then asks all `urls` for their JSON, again and again, each time within `ms`. */
  readonly prepare: (urls: readonly string[], ms: number) => Ask | Promise<Ask>;
  /** The same as an Observable, where it is one. */
  readonly observe?: (urls: readonly string[], ms: number) => Promise<Observable<unknown>>;
}

export type Ask = () => Promise<unknown>;

/** A contender whose users subscribe. */
function observed(
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

const rxjs = observed('forkJoin + fromFetch + timeout', ['rxjs'], (urls, ms) =>
  // Made anew for each run, since the URLs depend on what is asked.
  defer(() => forkJoin(urls.map((url) => fromFetch(url, { selector: json }))).pipe(timesOut(ms))),
);

const effect: Contender = {
  name: 'Effect.all + timeout',
  packages: ['effect'],
  prepare: (urls, ms) => {
    const ask = (url: string) => Effect.tryPromise(async (signal) => json(await fetch(url, { signal })));
    return () => Effect.runPromise(Effect.all(urls.map(ask), { concurrency: 'unbounded' }).pipe(Effect.timeout(ms)));
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
    const ask = await requestJson();
    return () => Promise.all(urls.map((url) => ask(url, null)));
  },
};

const undiciByHand: Contender = {
  name: 'undici.request + Promise.all + AbortController',
  packages: ['undici'],
  prepare: async (urls, ms) => {
    const ask = await requestJson();
    return () => abortable(ms, (signal) => Promise.all(urls.map((url) => ask(url, signal))));
  },
};

/** The least that undici can be asked with: no error handling to speak of, and no way back. What is above it is what forkfast adds. */
const undiciDispatch: Contender = {
  name: 'undici dispatch + Promise.all',
  packages: ['undici'],
  prepare: async (urls) => {
    const { Agent } = await import('undici');
    const dispatcher = (agent ??= new Agent());
    const ask = (url: string): Promise<unknown> =>
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
    return () => Promise.all(urls.map(ask));
  },
};

const forkfast = observed('forkfast', ['forkfast', 'rxjs'], (urls, ms) => {
  const services = urls.map((url) => (ctx: Context) => fetchJson(ctx, url));
  return aggregate(services, withTimeout(ms), withLogger(silent))(background);
});

const forkfastUndici = observed('forkfast + forkfast/undici', ['forkfast', 'rxjs', 'undici'], async (urls, ms) => {
  const { undiciFetch } = await import('forkfast/undici');
  transport ??= undiciFetch();
  const services = urls.map((url) => (ctx: Context) => fetchJson(ctx, url));
  return aggregate(services, withTimeout(ms), withLogger(silent), withFetch(transport))(background);
});

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

/** What the others are compared with. */
export const BASE: string = bare.name;

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

let transport: UndiciFetch | undefined;
let agent: Agent | undefined;

/**
 * undici is loaded by those alone who use it: it may put its own dispatcher under the global `fetch`. And it is given one,
 * since the global dispatcher may be Node's.
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
  if (!found) throw new Error(`no contender is called ${name}`);
  return found;
}
