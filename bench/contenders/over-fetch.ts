import { timeout as within, TimeoutStrategy } from 'cockatiel';
import { Effect } from 'effect';
import { aggregate, background, type Context, fetchJson, withTimeout } from 'forkfast';
import ky from 'ky';
import pMap from 'p-map';
import { defer, forkJoin, timeout as timesOut } from 'rxjs';
import { fromFetch } from 'rxjs/fetch';
import { abortable, type Contender, timeoutError, withObservables } from './contender.ts';

const bare: Contender = {
  name: 'fetch + Promise.all',
  packages: [],
  cancels: false,
  prepare: (urls) => () => Promise.all(urls.map(async (url) => json(await fetch(url)))),
};

const oneSignalARun: Contender = {
  name: 'fetch by hand, one signal a run',
  packages: [],
  cancels: true,
  prepare: (urls, ms) => () =>
    abortable(ms, (signal) => Promise.all(urls.map(async (url) => json(await fetch(url, { signal }))))),
};

/** With a signal of its own, a request can be canceled alone. This is the lower bound for contenders that can do so. */
const oneSignalARequest: Contender = {
  name: 'fetch by hand, one signal a request',
  packages: [],
  cancels: true,
  prepare: (urls, ms) => async () => {
    const controllers = urls.map(() => new AbortController());
    const abortAll = (reason: unknown): void => {
      for (const controller of controllers) controller.abort(reason);
    };
    const timer = setTimeout(() => {
      abortAll(timeoutError(ms));
    }, ms);
    const get = async ({ signal }: AbortController, index: number): Promise<unknown> =>
      json(await fetch(urls[index] ?? '', { signal }));
    try {
      return await Promise.all(controllers.map(get));
    } catch (error) {
      abortAll(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  },
};

const rxjs = withObservables('forkJoin + fromFetch + timeout', ['rxjs'], (urls, ms) =>
  // Created for each run, since URLs depend on the input in a real program.
  defer(() => forkJoin(urls.map((url) => fromFetch(url, { selector: json }))).pipe(timesOut(ms))),
);

const effect: Contender = {
  name: 'Effect.all + timeout',
  packages: ['effect'],
  cancels: true,
  prepare: (urls, ms) => {
    const get = (url: string) => Effect.tryPromise(async (signal) => json(await fetch(url, { signal })));
    return () => Effect.runPromise(Effect.all(urls.map(get), { concurrency: 'unbounded' }).pipe(Effect.timeout(ms)));
  },
};

const pmap: Contender = {
  name: 'p-map + AbortController',
  packages: ['p-map'],
  cancels: true,
  prepare: (urls, ms) => () =>
    abortable(ms, (signal) => pMap(urls, async (url) => json(await fetch(url, { signal })), { signal })),
};

const cockatiel: Contender = {
  name: 'cockatiel timeout',
  packages: ['cockatiel'],
  cancels: true,
  prepare: (urls, ms) => {
    const policy = within(ms, TimeoutStrategy.Aggressive);
    return () =>
      policy.execute(({ signal }) => Promise.all(urls.map(async (url) => json(await fetch(url, { signal })))));
  },
};

const kyJson: Contender = {
  name: 'ky + AbortController',
  packages: ['ky'],
  cancels: true,
  prepare: (urls, ms) => {
    const api = ky.create({ retry: 0, timeout: false });
    return () => abortable(ms, (signal) => Promise.all(urls.map((url) => api(url, { signal }).json())));
  },
};

const forkfast = withObservables('forkfast', ['forkfast', 'rxjs'], (urls, ms) => {
  const services = urls.map((url) => (ctx: Context) => fetchJson(ctx, url));
  return aggregate(services, withTimeout(ms))(background);
});

/** The contenders over the global `fetch`. */
export const overFetch: readonly Contender[] = [
  bare,
  oneSignalARun,
  oneSignalARequest,
  rxjs,
  effect,
  pmap,
  cockatiel,
  kyJson,
  forkfast,
];

function json(response: Response): Promise<unknown> {
  if (!response.ok) throw new Error(`HTTP ${String(response.status)}`);
  return response.json();
}
