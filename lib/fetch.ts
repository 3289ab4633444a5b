import { identity, type Observable } from 'rxjs';
import { type Abort, carry } from './abort.ts';
import { kindOf } from './check.ts';
import type { Context, FetchResponse } from './context.ts';
import type { DecodeError } from './errors/decode-error.ts';
import { abortable, type Asked, type Asking, fromAbortable } from './from-abortable.ts';
import { headersOf } from './headers.ts';
import { type Reading, receive, type Target, unanswered } from './response.ts';
import { resolve, unresolved } from './url.ts';

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
  return request(new Question(ctx, input, init, 'application/json', json)) as Observable<T | undefined>;
}

const json: Decode<unknown> = (text, failure, empty) => {
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
  return request(new Question(ctx, input, init, undefined, identity<string>));
}

function request<T>(question: Question<T>): Observable<T> {
  const asked = abortable(question.ctx, question);
  const { signal } = question;
  return signal ? fromAbortable({ signal }, () => asked) : asked;
}

/** How the text of a body becomes the answer. */
type Decode<T> = (text: string, failure: (what?: string) => DecodeError, empty: FetchInit['empty']) => T;

/** What was asked. While there is no answer this is all that is held, and nothing that was made of it to send it. */
class Question<T> implements Asking<T>, Reading<T> {
  readonly ctx: Context;
  readonly maxBytes: number;
  readonly signal: RequestInit['signal'];
  /** As they were when it was asked for: who gives a URL or an `init` may change it for the next. Headers and body are not copied. */
  readonly #input: string | URL;
  readonly #init: RequestInit;
  readonly #empty: FetchInit['empty'];
  readonly #accept: string | undefined;
  readonly #decode: Decode<T>;

  constructor(ctx: Context, input: string | URL, init: FetchInit, accept: string | undefined, decode: Decode<T>) {
    const { maxBytes = 10 * 2 ** 20, empty, signal, ...rest } = init;
    this.ctx = ctx;
    this.maxBytes = maxBytes;
    this.signal = signal;
    this.#input = input instanceof URL ? input.href : input;
    this.#init = rest;
    this.#empty = empty;
    this.#accept = accept;
    this.#decode = decode;
  }

  decode(text: string, failure: (what?: string) => DecodeError): T {
    return this.#decode(text, failure, this.#empty);
  }

  target(): Target {
    return { method: methodOf(this.#init), url: shown(absolute(this.#input)) };
  }

  ask(asked: Asked<T>): void {
    void Promise.resolve(this.#send(asked)).then(
      (response) => {
        try {
          receive(response, this, asked);
        } catch (error) {
          asked.fail(() => error); // it is no response
        }
      },
      (cause: unknown) => {
        asked.fail(() => unanswered(this.target(), cause));
      },
    );
  }

  /** As every other fetch is aborted: what traces or intercepts it takes any other reason for a failure. */
  reasonOf(cause: unknown): DOMException {
    return Object.assign(new DOMException('The answer is no longer wanted', 'AbortError'), { cause });
  }

  #send(asked: Abort): PromiseLike<FetchResponse> {
    const { ctx, maxBytes } = this;
    if (!(maxBytes >= 0)) throw new RangeError(`maxBytes must be a number of bytes, not ${kindOf(maxBytes)}`);
    const url = absolute(this.#input);
    if (url.username !== '' || url.password !== '') {
      throw new TypeError(`fetch: ${shown(url)} has credentials in the URL: send them in a header`);
    }
    const init = this.#init;
    const method = methodOf(init);
    if (init.body != null && /^(GET|HEAD)$/.test(method)) throw new TypeError(`fetch: a ${method} request has no body`);
    const headers = headersOf(ctx, init.headers, this.#accept);
    const sent = carry(Object.assign({}, init, { redirect: init.redirect ?? 'error', headers }), asked);
    const transport = ctx.fetch ?? globalThis.fetch; // called without ctx as its `this`: an illegal invocation in browsers
    try {
      return transport(url, sent);
    } catch (cause) {
      throw unanswered(this.target(), cause);
    }
  }
}

function methodOf({ method = 'GET' }: RequestInit): string {
  return method.toUpperCase();
}

function absolute(input: string | URL): URL {
  const text = String(input);
  const url = resolve(text);
  if (url === undefined) throw new TypeError(`fetch: ${unresolved(text)}`);
  return url;
}

/** Only of HTTP: the path of a `data:` or a `blob:` URL holds anything. */
function shown({ origin, pathname, protocol }: URL): string {
  return /^https?:/.test(protocol) ? origin + pathname : protocol;
}
