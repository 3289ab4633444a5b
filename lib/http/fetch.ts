import { identity, type Observable } from 'rxjs';
import { withSignal } from '../core/abort.ts';
import { mismatch } from '../core/assert.ts';
import type { Context, FetchResponse } from '../core/context.ts';
import { abortable, type AbortableCall, fromAbortable } from '../core/from-abortable.ts';
import type { DecodeError } from '../errors/decode-error.ts';
import { headersOf } from './request-headers.ts';
import { networkErrorOf, type ReadOptions, readText } from './response.ts';
import { parseAbsoluteUrl, whyUnparsable } from './url.ts';

/** What {@link fetchJson} and {@link fetchText} take beside the URL: the platform's `RequestInit`, and two bounds. */
export interface FetchInit extends RequestInit {
  /**
   * The bytes that a body may have, counted after decoding.
   *
   * @defaultValue 10_485_760 (10 MiB)
   */
  readonly maxBytes?: number;
  /**
   * What `fetchJson` makes of a 204 or an empty body: a `DecodeError`, or `undefined`.
   *
   * @defaultValue `'error'`
   */
  readonly empty?: 'error' | 'undefined';
}

/**
 * Asks for JSON over HTTP: a cold Observable that emits the parsed body and completes.
 *
 * Errors with `HttpError` outside 200–299, `NetworkError` where there is no answer or the connection breaks, `DecodeError`
 * where the body is no JSON, `BodyTooLargeError` over `maxBytes`, and `TypeError` for a URL or a header that cannot be sent.
 * Unsubscribing aborts the request, and so does `ctx.signal`, with `CanceledError`. `ctx.deadline` is for `aggregate` and
 * `backoff` to read. Redirects are refused unless `init.redirect` says otherwise, and of the caller's headers only those
 * in `ctx.propagate` are sent; those of `init.headers` win.
 *
 * @param ctx - The context, with `ctx.fetch` as the transport where it is there.
 * @param input - An absolute URL; in a page, a relative one too.
 * @param init - As for `fetch`, with `maxBytes` and `empty`.
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
  return request(ctx, input, init, 'application/json', decodeJson) as Observable<T | undefined>;
}

const decodeJson: Decode<unknown> = (text, failure, empty) => {
  if (text === '') {
    if (empty === 'undefined') return undefined;
    throw failure();
  }
  try {
    return JSON.parse(text);
  } catch {
    // Without a cause: the platform's message quotes the body.
    throw failure('JSON');
  }
};

/**
 * Asks for text over HTTP: a cold Observable that emits the body, decoded as UTF-8, and completes.
 *
 * As {@link fetchJson} in all else; an empty body is `''`.
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
  return request(ctx, input, init, undefined, identity<string>);
}

/** Makes the answer from the text of a body. `failure` makes the error for a body that is not what it should be. */
type Decode<T> = (text: string, failure: (expected?: string) => DecodeError, empty: FetchInit['empty']) => T;

function request<T>(
  ctx: Context,
  input: string | URL,
  fetchInit: FetchInit,
  accept: string | undefined,
  decode: Decode<T>,
): Observable<T> {
  // Copied now: the caller may change a URL or an `init` for the next request. Headers and body are not copied.
  const { maxBytes = 10 * 2 ** 20, empty, signal, ...init } = fetchInit;
  const url = input instanceof URL ? input.href : input;
  const options: ReadOptions<T> = {
    maxBytes,
    target: () => ({ method: methodOf(init), url: redactUrl(parseUrl(url)) }),
    decode: (text, failure) => decode(text, failure, empty),
  };
  const start = (call: AbortableCall<T>): void => {
    void Promise.resolve(send(ctx, url, init, accept, call, options)).then(
      (response) => {
        try {
          readText(response, options, call);
        } catch (error) {
          call.fail(() => error); // the transport's answer is no response
        }
      },
      (cause: unknown) => {
        call.fail(() => networkErrorOf(options.target(), cause));
      },
    );
  };
  const answer = abortable(ctx, start, abortErrorOf);
  return signal ? fromAbortable({ signal }, () => answer) : answer;
}

/** The abort reason of every fetch: tracers and interceptors take any other reason for a failure. */
function abortErrorOf(cause: unknown): DOMException {
  return Object.assign(new DOMException('The answer is no longer needed', 'AbortError'), { cause });
}

function send<T>(
  ctx: Context,
  input: string,
  init: RequestInit,
  accept: string | undefined,
  { controller }: AbortableCall<T>,
  { maxBytes, target }: ReadOptions<T>,
): PromiseLike<FetchResponse> {
  if (!(maxBytes >= 0)) throw new RangeError(mismatch('fetch: maxBytes', 'a number of bytes', maxBytes));
  const url = parseUrl(input);
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(`fetch: ${redactUrl(url)} has credentials in the URL: send them in a header`);
  }
  const method = methodOf(init);
  if (init.body != null && /^(GET|HEAD)$/.test(method)) throw new TypeError(`fetch: a ${method} request has no body`);
  const headers = headersOf(ctx, init.headers, accept);
  const sent = withSignal(Object.assign({}, init, { redirect: init.redirect ?? 'error', headers }), controller);
  const transport = ctx.fetch ?? globalThis.fetch; // called without ctx as its `this`: an illegal invocation in browsers
  try {
    return transport(url, sent);
  } catch (cause) {
    throw networkErrorOf(target(), cause);
  }
}

function methodOf({ method = 'GET' }: RequestInit): string {
  return method.toUpperCase();
}

function parseUrl(text: string): URL {
  const url = parseAbsoluteUrl(text);
  if (url === undefined) throw new TypeError(`fetch: ${whyUnparsable(text)}`);
  return url;
}

/** Shows origin and path. Of other schemes than HTTP only the scheme: the path of a `data:` URL holds anything. */
function redactUrl({ origin, pathname, protocol }: URL): string {
  return /^https?:/.test(protocol) ? origin + pathname : protocol;
}
