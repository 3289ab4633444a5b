import { identity, type Observable, tap } from 'rxjs';
import { withSignal } from '../core/abort.ts';
import { hasMethod, mismatch } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import { abortable, type AbortableCall, fromAbortable } from '../core/from-abortable.ts';
import { countResend, runOf } from '../core/run-handle.ts';
import { CanceledError } from '../errors/canceled-error.ts';
import { NetworkError } from '../errors/network-error.ts';
import { markRepeatable } from '../errors/repeatable.ts';
import { networkErrorOf, type Target } from './network-error-of.ts';
import { hrefOf, pageUrl, parseUrl, redactUrl } from './parse-url.ts';
import { idempotencyKeyOf, requestHeaders } from './request-headers.ts';
import { readText } from './response.ts';
import { send } from './send.ts';
import { assertSendable, isStream, beginSending, recordFailure, sentMethod } from './sendable.ts';

/** The `init` of {@link fetchJson} and {@link fetchText}: the platform's `RequestInit` with three more options. */
export interface FetchInit extends RequestInit {
  /**
   * The largest body to accept, in bytes after decoding.
   *
   * @defaultValue 10_485_760 (10 MiB)
   */
  readonly maxBytes?: number;
  /**
   * The result of `fetchJson` for an empty body, such as that of a 204: a `DecodeError`, or the value `undefined`.
   *
   * @defaultValue `'error'`
   */
  readonly empty?: 'error' | 'undefined';
  /**
   * Sends the header `Idempotency-Key`, and so lets `isTransient` and `backoff` repeat any method, such as POST: the server must
   * know the header. `true` makes one UUID for each call of `fetchJson` or `fetchText`. All subscriptions to the Observable that
   * it returns send the same key: those of a `retry` or a `hedge` behind it. For a new key at each subscription, use `defer`.
   */
  readonly idempotencyKey?: boolean | string | undefined;
}

/**
 * Requests JSON over HTTP: a cold Observable that emits the parsed body and completes.
 *
 * - It errors with `HttpError` for a status outside 200–299, `NetworkError` if there is no response or the connection breaks,
 *   `DecodeError` if the body is not JSON, and `BodyTooLargeError` if the body has more than `maxBytes` bytes. It errors with
 *   `TypeError`, and sends nothing, for a URL, a method, a header or a body that `fetch` cannot send.
 * - Unsubscribing aborts the request. So does `ctx.signal`, with `CanceledError`, and `init.signal`, with `NetworkError`: the
 *   caller still waits. `ctx.deadline` aborts nothing here: `aggregate` and `backoff` read it.
 * - A redirect is a `NetworkError`, unless `init.redirect` says otherwise. The request is sent with `'manual'` where
 *   `'error'` is unknown, as on Cloudflare Workers, and by the `fetch` of browsers, which hides the reason of an error.
 * - A stream needs `duplex: 'half'`, as with `fetch`, and can be sent only once. A retry of such a request sends nothing, and errors with the first failure.
 * - The only headers that it forwards are those in `ctx.propagate`. A header of `init.headers` replaces one with the same
 *   name.
 *
 * @param ctx - The context. Its `fetch` sends the request, or `globalThis.fetch` if it has none.
 * @param input - An absolute URL. In a page it may be relative.
 * @param init - As for `fetch`, with `maxBytes`, `empty` and `idempotencyKey`. As with `fetch`, only DELETE, GET, HEAD, OPTIONS, POST
 * and PUT are sent in upper case: a `patch` stays a `patch`, also in errors.
 *
 * @remarks The idea is RxJS's `fromFetch` (https://rxjs.dev/api/fetch/fromFetch). Unlike `fromFetch`, it keeps the abort reason, and
 * ends the body of a failed response.
 *
 * @example
 * ```ts
 * import { fetchJson } from 'forkfast';
 *
 * const fetch = async () => Response.json({ name: 'Alice' });
 *
 * fetchJson<{ name: string }>({ fetch }, 'http://api.test/profiles/42').subscribe(({ name }) => console.log(name)); // => Alice
 * ```
 */
export function fetchJson<T = unknown>(
  ctx: Context,
  input: string | URL,
  init?: FetchInit & { readonly empty?: 'error' },
): Observable<T>;
export function fetchJson<T = unknown>(ctx: Context, input: string | URL, init?: FetchInit): Observable<T | undefined>;
export function fetchJson<T>(ctx: Context, input: string | URL, init: FetchInit = {}): Observable<T | undefined> {
  const { empty } = init;
  const parse = (text: string): T | undefined =>
    text === '' && empty === 'undefined' ? undefined : (JSON.parse(text) as T);
  return request(ctx, input, init, parse, 'application/json');
}

/**
 * Requests text over HTTP: a cold Observable that emits the body, decoded as UTF-8, and completes.
 *
 * An empty body is `''`. In all else it behaves as {@link fetchJson}.
 *
 * @example
 * ```ts
 * import { fetchText } from 'forkfast';
 *
 * const fetch = async () => new Response('Name: Alice');
 *
 * fetchText({ fetch }, 'http://api.test/profiles/42').subscribe(console.log); // => Name: Alice
 * ```
 */
export function fetchText(ctx: Context, input: string | URL, init: FetchInit = {}): Observable<string> {
  return request(ctx, input, init, identity<string>);
}

function request<T>(
  ctx: Context,
  input: string | URL,
  fetchInit: FetchInit,
  parse: (text: string) => T,
  accept?: string,
): Observable<T> {
  // Copied now: the caller may change a URL or an `init` for the next request. Headers and body are not copied.
  const { maxBytes = 10 * 2 ** 20, empty, signal, idempotencyKey = false, ...init } = fetchInit;
  const { body } = init;
  const stream = isStream(body) ? body : undefined;
  const href = hrefOf(input) ?? (input as string);
  const service = runOf(ctx)?.currentService; // read now: when a `retry` subscribes again, no service is being called
  let sends = 0;
  let key: string | undefined;
  const target = (): Target => ({ method: sentMethod(init.method ?? 'GET'), url: redactUrl(parseUrl('fetch', href)) });

  const start = (call: AbortableCall<T>): void => {
    if (!(typeof maxBytes === 'number' && maxBytes >= 0))
      throw new RangeError(mismatch('fetch: maxBytes', 'at least 0', maxBytes));
    const url = requestUrl(href);
    if (idempotencyKey !== false) key ??= idempotencyKeyOf(idempotencyKey);
    const prepared = requestInit(ctx, init, accept, key); // before a stream counts as sent
    const { headers = [], redirect = 'error' } = prepared;
    let attempts = 0;
    // A second attempt gets an init of its own: the transport may have changed the first.
    const makeInit = (): RequestInit =>
      withSignal(attempts++ === 0 ? prepared : { ...init, headers, redirect }, call.controller);
    if (stream) beginSending(stream);
    if (sends++ > 0) countResend(runOf(ctx), service);
    const transport = ctx.fetch ?? globalThis.fetch; // called without ctx as its `this`: an illegal invocation in browsers
    send(transport, url, makeInit, {
      ended: () => call.ended,
      hidesRedirects: transport === globalThis.fetch && pageUrl() !== undefined, // the fetch of a browser
      onResponse: (response, refusesRedirects) => {
        try {
          readText(response, { maxBytes, refusesRedirects, parse, target }, call);
        } catch (error) {
          call.fail(() => error); // the transport resolved with something else than a response
        }
      },
      onFailure: (cause, thrown) => {
        call.fail(() => networkErrorOf({ cause, thrown, url: requestUrl(href), init }, target()));
      },
    });
  };
  const answer = signal
    ? fromAbortable(ctx, () => {
        if (hasMethod(signal, 'addEventListener'))
          return abortable({ signal }, start, abortReasonOf, (cause) => abortedError(ctx, cause, target));
        throw new TypeError(`${mismatch('fetch: signal', 'an AbortSignal', signal)}: pass controller.signal`);
      })
    : abortable(ctx, start, abortReasonOf);
  if (!stream && idempotencyKey === false) return answer;
  return answer.pipe(
    tap({
      error: (error: unknown) => {
        if (key !== undefined) markRepeatable(error, true);
        if (stream) recordFailure(stream, error);
      },
    }),
  );
}

/** A failure of the service, unless the caller has left as well: `init.signal` may follow `ctx.signal`. */
function abortedError({ signal }: Context, cause: unknown, target: () => Target): Error {
  if (signal?.aborted) return new CanceledError({ cause: signal.reason as unknown });
  const advice = 'pass a signal that has not aborted to the next request';
  return new NetworkError({ reason: 'no answer (init.signal aborted)', kind: 'aborted', ...target(), advice, cause });
}

function requestUrl(href: string): URL {
  const url = parseUrl('fetch', href);
  if (url.username === '' && url.password === '') return url;
  throw new TypeError(
    `fetch: expected a URL without credentials, got some before the host of ${redactUrl(url)}: send them in a header`,
  );
}

function requestInit(
  ctx: Context,
  init: RequestInit,
  accept: string | undefined,
  key: string | undefined,
): RequestInit {
  assertSendable(init);
  const headers = requestHeaders(ctx, init.headers, accept, key);
  return Object.assign({}, init, { redirect: init.redirect ?? 'error', headers });
}

/** Every fetch aborts with an `AbortError`: tracers and interceptors count any other reason as a failure. */
function abortReasonOf(cause: unknown): DOMException {
  return Object.assign(new DOMException('The answer is no longer needed', 'AbortError'), { cause });
}
