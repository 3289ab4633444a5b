import type { Readable, Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { Agent, type Dispatcher, interceptors } from 'undici';
import { type AbortListener, listen, type Heard, unlisten } from './abort.ts';
import { hasMethod, kindOf } from './check.ts';
import type { Fetch, FetchBody, FetchResponse } from './context.ts';

/** What {@link undiciFetch} takes. */
export interface UndiciFetchOptions {
  /**
   * What sends the requests: an `Agent`, a `ProxyAgent`, a `MockAgent`, or any of them with interceptors. A `Pool` or a
   * `Client` asks its own origin, whatever the URL says. Of the undici that is installed, 7 or 8: `getGlobalDispatcher()` may give
   * that of Node itself, of an older undici, which takes no request from here (`UND_ERR_INVALID_ARG`).
   *
   * @defaultValue A new `Agent` with undici's defaults.
   */
  readonly dispatcher?: Dispatcher | undefined;
}

/** A {@link Fetch} over undici. */
export interface UndiciFetch extends Fetch {
  /**
   * Refuses new requests, waits for those in flight and closes the connections. A dispatcher that was given is left alone: it
   * belongs to who made it.
   */
  close(): Promise<void>;
  /** {@link UndiciFetch.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes a transport of an undici dispatcher, for `withFetch` or `ctx.fetch`: what the global `fetch` does for `fetchJson` and
 * `fetchText`, at a fraction of its cost.
 *
 * Answers when the headers are there, and holds back a body that is not read. Rejects as `fetch` does, with a `TypeError`
 * whose `cause` has the system's `code`, and with the signal's reason when it aborts. Gzip, deflate and Brotli are decoded.
 * Of `init` it heeds `method`, `headers`, `body`, `redirect` and `signal`; it knows neither cookies nor caches nor CORS.
 *
 * Without a `dispatcher` it makes an `Agent` of its own with undici's defaults: a connection to an origin for each request in
 * flight, one request at a time on each (no pipelining), and an idle one is kept for 4,000 ms.
 *
 * @param options - The dispatcher.
 * @throws TypeError where `dispatcher` is none.
 *
 * @example
 * ```ts
 * import { fetchJson } from 'forkfast';
 * import { undiciFetch } from 'forkfast/undici';
 * import { MockAgent } from 'undici';
 *
 * const dispatcher = new MockAgent();
 * dispatcher.get('http://api.test').intercept({ path: '/profiles/42' }).reply(200, { name: 'Alice' });
 * const fetch = undiciFetch({ dispatcher });
 *
 * fetchJson<{ name: string }>({ fetch }, 'http://api.test/profiles/42').subscribe(({ name }) => console.log(name)); // => Alice
 * ```
 */
export function undiciFetch({ dispatcher: given }: UndiciFetchOptions = {}): UndiciFetch {
  if (given !== undefined && !hasMethod(given, 'dispatch')) {
    throw new TypeError(
      `undiciFetch: dispatcher must be a Dispatcher of undici, not ${kindOf(given)}: give new Agent()`,
    );
  }
  const dispatcher = given ?? new Agent();
  let following: Dispatcher | undefined;
  const transport: Fetch = (url, init) =>
    new Promise((resolve, reject) => {
      const exchange = new Exchange(init.redirect === 'error', resolve, reject);
      exchange.heed(init);
      try {
        const options = optionsOf(url, init);
        if (init.redirect === 'error' || init.redirect === 'manual') {
          exchange.dispatch(dispatcher, options);
        } else {
          following ??= dispatcher.compose(interceptors.redirect({ maxRedirections: 20 }));
          exchange.dispatch(following, Object.assign(options, { throwOnMaxRedirect: true }));
        }
      } catch (error) {
        exchange.onResponseError(undefined, error);
      }
    });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    if (!given) await (closing ??= dispatcher.close());
  };
  return Object.assign(transport, { close, [Symbol.asyncDispose]: close });
}

/** A response with more of them is refused: each multiplies what a few bytes become. */
const MAX_ENCODINGS = 5;

/** The bytes of a body that may wait to be read before the connection is paused. */
const HIGH_WATER_MARK = 64 * 2 ** 10;

/** Where a body comes from: the connection, or a decoder. */
interface Source {
  pause(): unknown;
  resume(): unknown;
}

/** The handler of one request. */
class Exchange implements Dispatcher.DispatchHandler, AbortListener {
  readonly #refusing: boolean;
  readonly #resolve: (response: FetchResponse) => void;
  readonly #reject: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #body: Body | undefined;
  /** The `content-encoding` that is still to be undone. */
  #encoding: string | undefined;
  #decoders: readonly Transform[] = [];
  /** Complete, broken or aborted. */
  #over: { readonly reason?: unknown } | undefined;
  /** The signal of the request. */
  #heard: Heard;

  constructor(refusing: boolean, resolve: (response: FetchResponse) => void, reject: (error: unknown) => void) {
    this.#refusing = refusing;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  heed(init: RequestInit): void {
    this.#heard = listen(init, this);
  }

  dispatch(dispatcher: Dispatcher, options: Dispatcher.DispatchOptions): void {
    if (!this.#over) dispatcher.dispatch(options, this);
  }

  /** Ends it on our side. Before undici has a connection for it there is nothing to abort: `onRequestStart` does it. */
  onAbort(reason: unknown): void {
    if (this.#over) return;
    this.#end({ reason });
    this.#reject(reason);
    this.#body?.end({ error: reason });
    this.#controller?.abort(errorOf(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(errorOf(this.#over.reason));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return; // informational: the response is to come
    if (this.#refusing && REDIRECTS.has(status)) {
      this.#reject(failed('fetch failed', new Error('unexpected redirect')));
      return;
    }
    const body = new Body(controller, this);
    this.#body = body;
    const get = (name: string): string | null => {
      const lower = name.toLowerCase();
      const value = Object.hasOwn(headers, lower) ? headers[lower] : undefined;
      return Array.isArray(value) ? value.join(', ') : (value ?? null);
    };
    this.#encoding = get('content-encoding')?.toLowerCase();
    if (this.#encoding !== undefined && this.#encoding.split(',').length > MAX_ENCODINGS) {
      throw new Error(`more than ${String(MAX_ENCODINGS)} content encodings`);
    }
    this.#resolve({ status, headers: { get }, body });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    // Of a redirect that was refused, or after the end, it is let go.
    if (!this.#body || this.#over) return;
    if (this.#encoding !== undefined) this.#decode(this.#encoding, this.#body, controller, chunk);
    const [decoder] = this.#decoders;
    if (!decoder) this.#body.push(chunk);
    else if (!decoder.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    const [decoder] = this.#decoders;
    if (decoder) decoder.end();
    else this.#complete();
  }

  onResponseError(_controller: unknown, error: unknown): void {
    if (this.#over) return;
    this.#end({});
    this.#reject(failed('fetch failed', error));
    this.#body?.end({ error: failed('terminated', error) });
  }

  #complete(): void {
    this.#end({});
    this.#body?.end({});
  }

  #end(over: { readonly reason?: unknown }): void {
    this.#over = over;
    unlisten(this.#heard, this);
    for (const decoder of this.#decoders) decoder.destroy();
  }

  /** With the first bytes at hand: a deflated body tells its format by them, and one without any has nothing to decode. */
  #decode(encoding: string, body: Body, controller: Dispatcher.DispatchController, first: Uint8Array): void {
    this.#encoding = undefined;
    this.#decoders = decodersOf(encoding, first);
    const [head, ...tail] = this.#decoders;
    if (!head) return;
    for (const decoder of this.#decoders) {
      decoder.on('error', (error) => {
        controller.abort(error);
        this.onResponseError(undefined, error);
      });
    }
    head.on('drain', () => {
      controller.resume();
    });
    const last = tail.reduce((from, to) => from.pipe(to), head);
    last.on('data', (chunk: Uint8Array) => {
      body.push(chunk);
    });
    last.on('end', () => {
      this.#complete();
    });
    body.source = last;
  }
}

/** A body that waits to be read: as much as the mark says, and the last chunk comes with its end. */
class Body implements FetchBody {
  source: Source;
  readonly #exchange: AbortListener;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #paused = false;
  #ended: { readonly error?: unknown } | undefined;
  /** Settles the read that waits. */
  #wake: (() => void) | undefined;

  constructor(source: Source, exchange: AbortListener) {
    this.source = source;
    this.#exchange = exchange;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    if (this.#size > HIGH_WATER_MARK) {
      this.#paused = true;
      this.source.pause();
    }
    this.#wake?.();
  }

  end(ended: { readonly error?: unknown }): void {
    this.#ended ??= ended;
    this.#wake?.();
  }

  getReader(): this {
    return this;
  }

  async read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }> {
    if (this.#chunks.length === 0 && this.#paused) {
      this.#paused = false;
      this.source.resume();
    }
    if (this.#chunks.length === 0 && !this.#ended) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
      this.#wake = undefined;
    }
    const value = this.#chunks.shift();
    this.#size -= value?.byteLength ?? 0;
    if (value === undefined && this.#ended && 'error' in this.#ended) throw this.#ended.error;
    return { done: this.#chunks.length === 0 && this.#ended !== undefined && !('error' in this.#ended), value };
  }

  cancel(reason: unknown): Promise<void> {
    this.#exchange.onAbort(reason);
    return Promise.resolve();
  }
}

/** The redirects of `fetch`. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** As `fetch` fails: callers look for the system's code in the cause. */
function failed(message: string, cause: unknown): TypeError {
  return new TypeError(message, { cause });
}

/** What undici and those who watch it can take as a reason. */
function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new DOMException('The request was aborted.', 'AbortError');
}

/** The methods that `fetch` knows in any case. */
const METHOD = /^(?:delete|get|head|options|post|put)$/i;

/** What `fetch` would send. */
function optionsOf(url: URL, { method = 'GET', headers = [], body }: RequestInit): Dispatcher.DispatchOptions {
  const { protocol, origin, pathname, search } = url;
  // Of any other, a pool would ask its own origin for the path.
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError('unknown scheme');
  const sent: string[] = [];
  const names = new Set<string>();
  const add = (name: string, value: string): void => {
    names.add(name);
    sent.push(name, value);
  };
  for (const [name = '', value = ''] of Array.isArray(headers) ? headers : new Headers(headers)) {
    const lower = name.toLowerCase();
    if (lower !== 'host') add(lower, value);
  }
  const content = body == null ? undefined : contentOf(body);
  if (content?.type != null && !names.has('content-type')) add('content-type', content.type);
  if (!names.has('accept')) add('accept', '*/*');
  if (!names.has('user-agent')) add('user-agent', 'undici');
  if (!names.has('accept-encoding')) {
    const encodings = protocol === 'https:' ? 'br, gzip, deflate' : 'gzip, deflate';
    add('accept-encoding', names.has('range') ? 'identity' : encodings);
  }
  return {
    origin,
    path: pathname + search,
    method: METHOD.test(method) ? method.toUpperCase() : method,
    headers: sent,
    body: content?.body ?? null,
  };
}

/** A body in a form that undici takes, and the type that `fetch` says it has. */
function contentOf(body: BodyInit): {
  readonly body: Dispatcher.DispatchOptions['body'];
  readonly type?: string | null;
} {
  if (typeof body === 'string') return { body, type: 'text/plain;charset=UTF-8' };
  if (body instanceof Uint8Array) return { body };
  if (body instanceof URLSearchParams) {
    return { body: String(body), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  // Forms, blobs, buffers and streams: the platform knows how. undici takes what can be iterated.
  const { body: stream, headers } = new Response(body);
  return { body: stream as unknown as Readable, type: headers.get('content-type') };
}

const LENIENT = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const LENIENT_BROTLI = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH };

/** As lenient as `fetch`, in the order in which the bytes pass them; none where one of the encodings is not known. */
function decodersOf(encoding: string, [first = 0]: Uint8Array): readonly Transform[] {
  const codings = encoding.split(',').reverse();
  const decoders = codings.map((coding, index) => {
    switch (coding.trim()) {
      case 'gzip':
      case 'x-gzip':
        return createGunzip(LENIENT);
      case 'deflate':
        // Some servers send it raw.
        return index > 0 || (first & 0x0f) === 8 ? createInflate(LENIENT) : createInflateRaw(LENIENT);
      case 'br':
        return createBrotliDecompress(LENIENT_BROTLI);
      default:
        return undefined;
    }
  });
  return decoders.every((decoder) => decoder !== undefined) ? decoders : [];
}
