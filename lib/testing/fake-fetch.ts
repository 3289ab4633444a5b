import { defer, isObservable, map, merge, of, Subscription, take, tap, throwIfEmpty } from 'rxjs';
import { aborted } from '../core/abort.ts';
import { ForkfastError } from '../errors/forkfast-error.ts';
import { isPromiseLike } from '../core/assert.ts';
import { toObservable } from '../core/service.ts';
import { requestOf } from './request-of.ts';
import { isVirtual } from './virtual-time.ts';

/** What a route of {@link fakeFetch} answers with, or an Observable or a promise of it. */
export type FakeAnswer = object | string | number | boolean | null;

/** A request that {@link fakeFetch} was asked. */
export interface FakeCall {
  /** `GET http://profile.test/profiles/42` */
  readonly request: string;
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: RequestInit['body'];
  /** What stands for the `:name`s of the route, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** What has become of it so far: `aborted` also where its signal aborted while the body was still being read. */
  readonly outcome: 'pending' | 'answered' | 'failed' | 'aborted';
}

/** What {@link fakeFetch} makes: a `Fetch`, and what it was asked. */
export interface FakeFetch {
  (input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** All requests so far, in order. */
  readonly calls: readonly FakeCall[];
}

/**
 * A transport without a network, for `ctx.fetch`, `withFetch`, and anything else that takes a `fetch`.
 *
 * A route is `'GET /profiles/:id'`: a method, or none for all; an origin (`'http://profile.test/…'`), or none for all; a path
 * in which `:id` stands for a segment and `*` for anything. A query counts where the route has one. The first that fits answers:
 *
 * - with a `Response`, as it is: `new Response('', { status: 503 })`
 * - with an `Error`, by failing with it, as a network does
 * - with anything else as JSON
 * - with an Observable or a promise of these: `of(profile).pipe(delay(20))`, or `NEVER`
 * - with a function of the call to any of these
 *
 * Aborting `init.signal` rejects with its reason, and so it does a body that is still being read. A request that no route
 * fits fails, and the error lists the routes.
 *
 * It answers in real time: promises are never virtual. Inside `marbles` it throws; give services of `cold(…)` there.
 *
 * @param routes - What answers what.
 * @throws TypeError for a route that is none.
 *
 * @example
 * ```ts
 * import { fetchJson } from 'forkfast';
 * import { fakeFetch } from 'forkfast/testing';
 *
 * const fetch = fakeFetch({
 *   'GET /profiles/:id': ({ params }) => ({ id: params['id'], name: 'Alice' }),
 *   '/orders/*': new Response('', { status: 503 }),
 * });
 *
 * fetchJson({ fetch }, 'http://api.test/profiles/42').subscribe((profile) => {
 *   console.log(profile, fetch.calls[0]?.request); // => { id: '42', name: 'Alice' } GET http://api.test/profiles/42
 * });
 * ```
 */
export function fakeFetch(
  routes: Readonly<Record<string, FakeAnswer | ((call: FakeCall) => FakeAnswer | undefined)>>,
): FakeFetch {
  const known = Object.entries(routes).map(([route, answer]) => ({ fits: matcher(route), answer }));
  const calls: FakeCall[] = [];
  const ask = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { url: href, method, headers, body, redirect, signal } = requestOf(input, init);
    const url = new URL(href);
    const request = `${method} ${url.href}`;
    const found = known
      .map(({ fits, answer }) => ({ params: fits(method, url), answer }))
      .find(({ params }) => params !== undefined);
    const { params = {}, answer } = found ?? {};
    const call: { -readonly [K in keyof FakeCall]: FakeCall[K] } = {
      request,
      method,
      url,
      headers: new Headers(headers),
      body,
      params,
      outcome: 'pending',
    };
    calls.push(call);
    const end = (outcome: FakeCall['outcome']) => () => {
      call.outcome = outcome;
    };
    const canceled = aborted({ signal }).pipe(
      tap(end('aborted')),
      map((reason): never => {
        throw reason;
      }),
    );
    const answered = defer(() => {
      if (!found) throw new FakeFetchError(`has no route for ${request}${listed(Object.keys(routes))}`);
      const given: unknown = typeof answer === 'function' ? (answer as (call: FakeCall) => unknown)(call) : answer;
      return isObservable(given) || isPromiseLike(given) ? toObservable(given) : of(given);
    }).pipe(
      throwIfEmpty(),
      map((given) => responseTo(given, typeof answer === 'function')),
      tap(({ status }) => {
        if (redirect === 'error' && REDIRECTS.includes(status)) {
          throw new TypeError('fetch failed', { cause: new Error('unexpected redirect') });
        }
      }),
      tap({ next: end('answered'), error: end('failed') }),
      map((response) => cancellable(response, signal, end('aborted'))),
    );
    return new Promise((resolve, reject) => {
      merge(canceled, answered).pipe(take(1)).subscribe({ next: resolve, error: reject });
    });
  };
  const fetch: typeof ask = (input, init) => {
    if (isVirtual())
      throw new FakeFetchError('answers with promises, which are never virtual: in marbles, use cold(…)');
    return new Promise((resolve) => {
      resolve(ask(input, init));
    });
  };
  return Object.assign(fetch, { calls });
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Of forkfast's own, so that `fetchJson` hands it on as it is. */
class FakeFetchError extends ForkfastError {
  override readonly name = 'FakeFetchError' as const;
  override readonly code = 'ERR_FAKE_FETCH' as const;

  constructor(what: string) {
    super(`fakeFetch ${what}`);
  }
}

function listed(routes: readonly string[]): string {
  return routes.length === 0 ? ': it has none' : `; there are:${routes.map((route) => `\n  ${route}`).join('')}`;
}

/** Tells whether a request fits a route, and what stands for its `:name`s. */
function matcher(route: string): (method: string, url: URL) => Record<string, string> | undefined {
  const [fits, only, origin, path = ''] = /^(?:([A-Z]+) )?(https?:\/\/[^/]+)?(\/\S*)$/.exec(route) ?? [];
  if (fits === undefined) {
    throw new TypeError(
      `fakeFetch: ${JSON.stringify(route)} is no route: 'GET /profiles/:id', '/profiles/*' or 'http://api.test/' is`,
    );
  }
  const literal = path.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const segment = /(?<=[/=]):(\w+)/g;
  const names = Array.from(literal.matchAll(segment), ([, name = '']) => name);
  const pattern = new RegExp(`^${literal.replace(segment, '([^/?]+)').replaceAll('*', '.*')}$`);
  return (method, url) => {
    if ((only ?? method) !== method || (origin ?? url.origin) !== url.origin) return undefined;
    const match = pattern.exec(url.pathname + (path.includes('?') ? url.search : ''));
    if (!match) return undefined;
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? '')]));
  };
}

/** `fresh`: made for this request alone. */
function responseTo(answer: unknown, fresh: boolean): Response {
  if (answer instanceof Error) throw answer;
  if (answer instanceof Response) return fresh ? answer : answer.clone();
  if (answer === undefined) throw new FakeFetchError('was given undefined to answer with');
  return Response.json(answer);
}

/** The response, with a body that breaks off when the signal aborts. */
function cancellable(response: Response, signal: AbortSignal | undefined, onAbort: () => void): Response {
  const { body, status, statusText, headers } = response;
  if (body === null) return response;
  const reader = body.getReader();
  /** The listener on the signal, while the body is read. */
  const listening = new Subscription();
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        const breakOff = (reason: unknown): void => {
          listening.unsubscribe();
          onAbort();
          controller.error(reason);
          reader.cancel(reason).catch(() => undefined);
        };
        listening.add(aborted({ signal }).subscribe(breakOff));
      },
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (!done) {
          controller.enqueue(value);
          return;
        }
        listening.unsubscribe();
        controller.close();
      },
      cancel: (reason) => {
        listening.unsubscribe();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 }, // nothing is read ahead
  );
  return new Response(stream, { status, statusText, headers });
}
