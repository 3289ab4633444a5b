import { type Observable, tap } from 'rxjs';
import { hasMethod, mismatch } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import { abortable, type AbortableWork, teardownReporter } from '../core/from-abortable.ts';
import { HttpRequest } from './request.ts';
import { jsonReader, optionalJsonReader, textReader } from './response/body-readers.ts';
import type { ResponseReader } from './response/read-response.ts';

/** The options of every request: the platform's `RequestInit` with more. */
export interface RequestOptions extends RequestInit {
  /**
   * The body as a value, which is sent as `JSON.stringify` writes it. The header `content-type` is `application/json`, unless `headers`
   * has one. The request errors with `TypeError`, and sends nothing, for a value that JSON cannot hold, and beside a `body`. Set a
   * method: GET has no body.
   */
  readonly json?: object | string | number | boolean | null;
  /**
   * Sends the header `Idempotency-Key`, and so lets `isTransient` and `backoff` repeat any method, such as POST: the server must
   * know the header. `true` makes one UUID for each call of `fetchJson` or `fetchText`. All subscriptions to the Observable that
   * it returns send the same key: those of a `retry` or a `hedge` behind it. For a new key at each subscription, use `defer`.
   */
  readonly idempotencyKey?: boolean | string | undefined;
}

/** The `init` of {@link fetchJson} and {@link fetchText}. */
export interface FetchInit extends RequestOptions {
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
 * - A stream needs `duplex: 'half'`, as with `fetch`, and can be sent only once. A retry of such a request sends nothing, and errors
 *   with the first failure.
 * - The only headers that it forwards are those in `ctx.propagate`. A header of `init.headers` replaces one with the same
 *   name.
 *
 * @param ctx - The context. Its `fetch` sends the request, or `globalThis.fetch` if it has none.
 * @param input - An absolute URL. In a page it may be relative.
 * @param init - As for `fetch`, with `json`, `maxBytes`, `empty` and `idempotencyKey`. As with `fetch`, only DELETE, GET, HEAD, OPTIONS, POST
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
export function fetchJson<T>(ctx: Context, input: string | URL, init?: FetchInit): Observable<T | undefined> {
  const reader = init?.empty === 'undefined' ? optionalJsonReader : jsonReader;
  return send(ctx, new HttpRequest(ctx, input, init, reader as ResponseReader<T | undefined>));
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
export function fetchText(ctx: Context, input: string | URL, init?: FetchInit): Observable<string> {
  return send(ctx, new HttpRequest(ctx, input, init, textReader));
}

/**
 * Makes the Observable of a request.
 *
 * @param work - From {@link HttpRequest.startedBy}.
 */
export function send<T>(ctx: Context, http: HttpRequest<T>, work: AbortableWork<T> = http): Observable<T> {
  const { signal } = http;
  const answer = signal ? withInitSignal(ctx, signal, http, work) : abortable(ctx, work);
  if (!http.marksErrors) return answer;
  return answer.pipe(
    tap({
      error: (error: unknown) => {
        http.markError(error);
      },
    }),
  );
}

/** The outer call follows `ctx.signal`, and the inner one `init.signal`. */
function withInitSignal<T>(
  ctx: Context,
  signal: AbortSignal,
  http: HttpRequest<T>,
  work: AbortableWork<T>,
): Observable<T> {
  const onTeardownError = teardownReporter(ctx);
  return abortable(ctx, {
    start: (call) => {
      if (!hasMethod(signal, 'addEventListener')) {
        throw new TypeError(`${mismatch('fetch: signal', 'an AbortSignal', signal)}: pass controller.signal`);
      }
      call.emitsEach = true;
      call.follow(abortable({ signal }, work), onTeardownError);
    },
    errorOf: (reason) => http.errorOfContext(reason),
  });
}
