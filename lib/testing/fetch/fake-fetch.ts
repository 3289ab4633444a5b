import { catchError, from, isObservable, map, type Observable, of, take, tap, throwIfEmpty } from 'rxjs';
import { hasMethod, isPromiseLike } from '../../core/assert.ts';
import { isError } from '../../errors/foreign.ts';
import { ForkfastError, fromAbortable } from '../../index.ts';
import { isVirtual } from '../virtual-time.ts';
import { abortable } from './abortable.ts';
import { platformRequestOf, requestOf } from './request-of.ts';
import { matcherOf } from './route.ts';

/** The answer of a route of {@link fakeFetch}: JSON, a `Response` or an `Error`, or an Observable or a promise of these. */
export type FakeAnswer = object | string | number | boolean | null;

/** A request that {@link fakeFetch} received. */
export interface FakeCall {
  /** `GET http://profile.test/profiles/42` */
  readonly request: string;
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: RequestInit['body'];
  /** The path segments that match the `:name`s of the route, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The state of the call; `aborted` also if its signal aborted while the body was being read. */
  readonly outcome: 'pending' | 'answered' | 'failed' | 'aborted';
}

/** A `Fetch` that keeps its calls: the result of {@link fakeFetch}. */
export interface FakeFetch {
  (input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** All requests so far, in order. */
  readonly calls: readonly FakeCall[];
}

/**
 * Makes a transport without a network, for `ctx.fetch`, `withFetch`, and any library that takes a `fetch`.
 *
 * A route is `'GET /profiles/:id'`. It may have a method and an origin (`'http://profile.test/…'`); without them it matches
 * all. In its path, `:id` matches a segment and `*` matches anything. The query is compared if the route has one. The first
 * route that matches answers:
 *
 * - a `Response` as it is: `new Response('', { status: 503 })`
 * - an `Error` by rejecting with it, as a network does
 * - anything else as JSON
 * - an Observable or a promise with its first value: `of(profile).pipe(delay(20))`, or `NEVER`
 * - a function of the call with its result
 *
 * It rejects a request that the platform's `fetch` cannot send, such as one with a relative URL, a body with GET, or a stream
 * that has been read. It follows no redirect.
 *
 * When `init.signal` aborts, the promise rejects with the abort reason, and so does a body that is being read. A request that
 * matches no route rejects with an error that lists the routes.
 *
 * It answers with promises, which do not run in virtual time, so it throws inside `marbles`: use `cold(…)` as a service there.
 *
 * @param routes - The answer of each route.
 * @throws TypeError if a route has another form.
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
  const compiled = Object.entries(routes).map(([route, answer]) => ({ match: matcherOf(route), answer }));
  const calls: FakeCall[] = [];
  const send = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { url, method, headers, body, redirect } = platformRequestOf(input, init);
    const { signal } = requestOf(input, init);
    const request = `${method} ${url.href}`;
    const matched = compiled
      .map(({ match, answer }) => ({ params: match(method, url), answer }))
      .find(({ params }) => params !== undefined);
    const { params = {}, answer } = matched ?? {};
    const call: Mutable<FakeCall> = {
      request,
      method,
      url,
      headers,
      body,
      params,
      outcome: 'pending',
    };
    calls.push(call);
    const respond = (): Observable<Response> => {
      if (!matched)
        throw new FakeFetchError(`expected a route for ${request}, got none: ${advice(Object.keys(routes))}`);
      const value: unknown = typeof answer === 'function' ? (answer as (call: FakeCall) => unknown)(call) : answer;
      return toObservable(value).pipe(
        take(1),
        throwIfEmpty(),
        map((first) => responseOf(first, typeof answer === 'function')),
        tap((response) => {
          checkRedirect(response, redirect);
        }),
      );
    };
    const setOutcome = (outcome: FakeCall['outcome']) => () => {
      call.outcome = outcome;
    };
    const response = fromAbortable({ signal }, respond).pipe(
      catchError((error: unknown) => {
        setOutcome(signal?.aborted ? 'aborted' : 'failed')();
        throw signal?.aborted ? signal.reason : error;
      }),
      tap(setOutcome('answered')),
      map((answered) => abortable(answered, signal, setOutcome('aborted'))),
    );
    return new Promise((resolve, reject) => {
      response.subscribe({ next: resolve, error: reject });
    });
  };
  const fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    // Thrown, because virtual time would end before a rejection.
    if (isVirtual()) throw new FakeFetchError('expected real time, got virtual time: use cold(…) inside marbles');
    return send(input, init);
  };
  return Object.assign(fetch, { calls });
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A `ForkfastError`, so that `fetchJson` passes it on as it is. */
class FakeFetchError extends ForkfastError {
  override readonly name = 'FakeFetchError' as const;
  override readonly code = 'ERR_FAKE_FETCH' as const;

  constructor(problem: string) {
    super(`fakeFetch: ${problem}`);
  }
}

function advice(routes: readonly string[]): string {
  return [
    'add one',
    ...(routes.length === 0 ? [] : [' to these routes:', ...routes.map((route) => `\n  ${route}`)]),
  ].join('');
}

function toObservable(answer: unknown): Observable<unknown> {
  return isObservable(answer) || isPromiseLike(answer) ? from(answer) : of(answer);
}

/** Copies a `Response` unless it is `fresh`, which means made for this call: a body can be read only once. */
function responseOf(answer: unknown, fresh: boolean): Response {
  if (isError(answer)) throw answer;
  if (isResponse(answer)) return fresh ? answer : answer.clone();
  if (answer === undefined)
    throw new FakeFetchError('expected a response, got undefined: return JSON, a Response or an Error');
  return Response.json(answer);
}

/** A `Response` may be that of another realm, or of a library. */
function isResponse(answer: unknown): answer is Response {
  return hasMethod(answer, 'clone') && hasMethod(answer, 'arrayBuffer');
}

function checkRedirect({ status }: Response, redirect: RequestInit['redirect']): void {
  if (redirect !== 'error' || ![301, 302, 303, 307, 308].includes(status)) return;
  throw new TypeError('fetch failed', { cause: new Error('unexpected redirect') });
}
