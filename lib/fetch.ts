import { asyncScheduler, type Observable, timer } from 'rxjs';
import { Abort, carry } from './abort.ts';
import { kindOf } from './check.ts';
import type { Context, FetchBody, FetchResponse } from './context.ts';
import { BodyTooLargeError, DecodeError, ForkfastError, HttpError, isWord, NetworkError } from './errors.ts';
import { abortable, fromAbortable } from './from-abortable.ts';
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
  init: FetchInit & { readonly empty: 'undefined' },
): Observable<T | undefined>;
export function fetchJson<T = unknown>(ctx: Context, input: string | URL, init?: FetchInit): Observable<T>;
export function fetchJson<T>(ctx: Context, input: string | URL, init: FetchInit = {}): Observable<T | undefined> {
  return request(ctx, input, init, 'application/json', (text, failure) => {
    if (text === '') {
      if (init.empty === 'undefined') return undefined;
      throw failure();
    }
    try {
      return JSON.parse(text) as T;
    } catch {
      // Without a cause: the platform's message quotes the body.
      throw failure('JSON');
    }
  });
}

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
  return request(ctx, input, init, undefined, (text) => text);
}

/** What is made of a body that arrived whole; `failure` says that it is no `what` but `9 bytes of text/html`, or empty. */
type Decode<T> = (text: string, failure: (what?: string) => DecodeError) => T;

/** What errors say of a request: no credentials, no query. */
interface Target {
  readonly method: string;
  readonly url: string;
}

function request<T>(
  ctx: Context,
  input: string | URL,
  { maxBytes = 10 * 2 ** 20, empty, signal, ...init }: FetchInit,
  accept: string | undefined,
  decode: Decode<T>,
): Observable<T> {
  const ask = (abort: Abort): Promise<T> => {
    if (!(maxBytes >= 0)) throw new RangeError(`maxBytes must be a number of bytes, not ${kindOf(maxBytes)}`);
    const url = absolute(input);
    const method = (init.method ?? 'GET').toUpperCase();
    if (init.body != null && /^(GET|HEAD)$/.test(method)) throw new TypeError(`fetch: a ${method} request has no body`);
    const target = (): Target => ({ method, url: shown(url) });
    const headers = headersOf(ctx, init.headers, accept);
    const sent = carry(Object.assign({}, init, { redirect: init.redirect ?? 'error', headers }), abort);
    const transport = ctx.fetch ?? globalThis.fetch; // called without ctx as its `this`: an illegal invocation in browsers
    try {
      return exchange(transport(url, sent), { abort, target, maxBytes, decode });
    } catch (cause) {
      throw unanswered(target(), cause);
    }
  };
  const asked = abortable(ctx, ask, abortError);
  return signal ? fromAbortable({ signal }, () => asked) : asked;
}

/** As every other fetch is aborted: what traces or intercepts it takes any other reason for a failure. */
function abortError(cause: unknown): DOMException {
  return Object.assign(new DOMException('The answer is no longer wanted', 'AbortError'), { cause });
}

function absolute(input: string | URL): URL {
  const url = input instanceof URL ? input : resolve(input);
  if (url === undefined) throw new TypeError(`fetch: ${unresolved(String(input))}`);
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(`fetch: ${shown(url)} has credentials in the URL: send them in a header`);
  }
  return url;
}

/** Only of HTTP: the path of a `data:` or a `blob:` URL holds anything. */
function shown({ origin, pathname, protocol }: URL): string {
  return /^https?:$/.test(protocol) ? origin + pathname : protocol;
}

/** As pairs, with names in lower case: a `Headers` costs more, and the transport makes its own. */
function headersOf(ctx: Context, own: RequestInit['headers'], accept: string | undefined): [string, string][] {
  const headers = sendable(own);
  const given = headers.map(([name]) => name);
  for (const [name, value] of sendable(ctx.propagate)) {
    if (!given.includes(name)) headers.push([name, value]);
  }
  if (accept !== undefined && !headers.some(([name]) => name === 'accept')) headers.push(['accept', accept]);
  return headers;
}

/** Refuses what HTTP cannot carry before the platform does, whose message quotes the value. */
function sendable(headers: RequestInit['headers'] | Context['propagate']): [string, string][] {
  if (typeof headers === 'string') throw new TypeError('fetch: headers are a record, pairs or Headers, not a string');
  const entries = headers && Symbol.iterator in headers ? [...headers] : Object.entries(headers ?? {});
  return entries.map(([name, given]: readonly string[]): [string, string] => {
    const value = String(given);
    const [sound] = /^[!#$%&'*+.^_`|~\w-]+/.exec(name ?? '') ?? [''];
    if (name !== sound || sound === '') {
      throw new TypeError(
        `fetch: the name of a header, ${JSON.stringify(`${sound}…`)}, has a character that HTTP refuses`,
      );
    }
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
      throw new TypeError(
        `fetch: the value of header ${name} has a line break, a control or a character beyond Latin-1`,
      );
    }
    const padded = /^[\t ]|[\t ]$/.test(value);
    return [name.toLowerCase(), padded ? (new Headers([[name, value]]).get(name) ?? '') : value];
  });
}

/** What becomes of a response. */
interface Reading<T> {
  readonly abort: Abort;
  readonly target: () => Target;
  readonly maxBytes: number;
  readonly decode: Decode<T>;
}

/** With promises and without Observables: this is the path of every answer. */
async function exchange<T>(asked: PromiseLike<FetchResponse>, reading: Reading<T>): Promise<T> {
  const { abort, target, maxBytes, decode } = reading;
  let response: FetchResponse;
  try {
    response = await asked;
  } catch (cause) {
    throw unanswered(target(), cause);
  }
  const { status, headers, body } = response;
  if (status < 200 || status > 299) {
    const told = await excerpt(body, abort);
    throw new HttpError({ ...target(), status, body: told, retryAfter: retryAfter(headers) });
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    await read(body, abort, (chunk) => {
      parts.push(chunk);
      size += chunk.byteLength;
      if (size > maxBytes) throw new BodyTooLargeError({ ...target(), maxBytes });
    });
  } catch (cause) {
    throw cause instanceof BodyTooLargeError ? cause : broken('a body cut short', target(), cause);
  }
  const failure = (what?: string): DecodeError => {
    const contentType = mediaType(headers.get('content-type'));
    const held = `no ${String(what)} but ${String(size)} bytes of ${contentType ?? 'no content type'}`;
    return new DecodeError(what ? held : 'an empty body', { ...target(), status, contentType });
  };
  let text: string;
  try {
    text = textOf(parts, true);
  } catch {
    throw failure('UTF-8');
  }
  return decode(text, failure);
}

/** Reads a body as it arrives, to its end or until `take` throws. An abort cancels it; never an unhandled rejection. */
async function read(body: FetchBody | null, abort: Abort, take: (chunk: Uint8Array) => void): Promise<void> {
  if (body === null) return;
  const reader = body.getReader();
  const listener = {
    onAbort: () => {
      reader.cancel().then(undefined, () => undefined); // whoever wanted to know has gone
    },
  };
  abort.listen(listener);
  while (!abort.over()) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      abort.unlisten(listener);
      throw error;
    }
    if (part.done) abort.unlisten(listener);
    if (part.value !== undefined) take(part.value);
    if (part.done) return;
  }
}

/** With its charset, and no other parameter: what goes into a log is short, whatever the header holds. */
function mediaType(header: string | null): string | null {
  const [type = null] =
    /^[\w!#$&^.+-]{1,64}\/[\w!#$&^.+-]{1,64}(?: *; *charset=[\w-]{1,40})?/i.exec(header ?? '') ?? [];
  return type;
}

/** Of a failed response: enough to read and to reuse the connection, and no more; a body that drips delays no failure. */
async function excerpt(body: FetchBody | null, abort: Abort): Promise<string> {
  const parts: Uint8Array[] = [];
  let room = 64 * 2 ** 10;
  await new Promise<void>((resolve) => {
    const reading = new Abort();
    const enough = (): void => {
      reading.abort(undefined);
    };
    const late = timer(100).subscribe(enough);
    reading.listen({
      onAbort: () => {
        late.unsubscribe();
        resolve();
      },
    });
    abort.listen({ onAbort: enough });
    const taken = read(body, reading, (chunk) => {
      const part = chunk.subarray(0, room);
      parts.push(part);
      room -= part.byteLength;
      if (room <= 0) enough();
    });
    taken.then(enough, enough);
  });
  return textOf(parts, false);
}

const strict: TextDecoder = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true });

function textOf(parts: readonly Uint8Array[], fatal: boolean): string {
  const [first] = parts;
  if (fatal && parts.length < 2) return strict.decode(first); // many times faster than a stream of one
  const decoder = new TextDecoder('utf-8', { fatal });
  return parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode();
}

function unanswered(target: Target, cause: unknown): unknown {
  return cause instanceof ForkfastError ? cause : broken('no answer', target, cause);
}

function broken(what: string, target: Target, cause: unknown): NetworkError {
  if (refusedRedirect(cause)) return new NetworkError('a redirect, which is refused,', { ...target, cause });
  const code = codeOf(cause);
  return new NetworkError(code === undefined ? what : `${what} (${code})`, { ...target, cause });
}

/** The system's code, which platforms hide in the cause of a `TypeError: fetch failed`. */
function codeOf(error: unknown, depth = 3): string | undefined {
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return isWord(code) ? code : codeOf(cause, depth - 1);
}

/** Only Node says so, and only in words. */
function refusedRedirect(error: unknown): boolean {
  const { cause } = (error ?? {}) as { cause?: { message?: unknown } };
  return cause?.message === 'unexpected redirect';
}

/** `Retry-After` in milliseconds from now: it holds seconds or a date. */
function retryAfter(headers: FetchResponse['headers']): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  // `Date.parse` alone would take `1.5` for a day in January.
  const at = /^[a-z]+, .* GMT$/i.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - asyncScheduler.now());
}
