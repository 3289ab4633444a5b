import type { Transform } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { AbortListener, LazyAbortController } from '../../core/abort/lazy-abort-controller.ts';
import { addAbortListener } from '../../core/abort/on-abort.ts';
import type { FetchResponse } from '../../core/context.ts';
import { attempt } from '../../errors/foreign.ts';
import { isStream } from '../sendable.ts';
import { Body } from './body.ts';
import { createDecoders } from './decoders.ts';
import { copyOf, httpRequest, type HttpRequest, withDefaultHeaders } from './http-request.ts';
import { redirected, REDIRECTS } from './redirect.ts';

/** Each encoding multiplies the size of a body, so that a few bytes could become gigabytes. */
const MAX_ENCODINGS = 5;

/** The statuses whose responses have no body in `fetch`, whatever the server sends. */
const NULL_BODY_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

const MAX_REDIRECTS = 20;

interface Followed {
  readonly init: RequestInit;
  readonly request: HttpRequest;
}

/**
 * Handles the events of one request in undici, and settles the promise of a `fetch` with a response or an error. A redirect is another
 * request, with a handler of its own.
 */
export class FetchHandler implements Dispatcher.DispatchHandler, AbortListener {
  readonly #dispatcher: Dispatcher;
  readonly #resolve: (response: FetchResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #redirect: RequestInit['redirect'];
  readonly #method: string;
  /** How many redirects have led to this request. */
  readonly #redirects: number;
  readonly #listensTo: LazyAbortController | undefined;
  /** Only for a request whose redirects are followed: the others hold less while they are in flight. */
  #followed: Followed | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #body: Body | undefined;
  /** The `content-encoding`, until the first chunk arrives and the decoders are created. */
  #contentEncoding: string | undefined;
  #decoders = noDecoders;
  /** Set once the response is complete, the connection has broken, or the request is aborted. */
  #ended: { readonly abortReason?: unknown } | undefined;
  #responseEnded = false;

  constructor(
    dispatcher: Dispatcher,
    init: RequestInit,
    resolve: (response: FetchResponse) => void,
    reject: (error: unknown) => void,
    redirects = 0,
  ) {
    const { method = '', redirect = 'follow' } = init;
    this.#dispatcher = dispatcher;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#redirect = redirect;
    this.#method = method;
    this.#redirects = redirects;
    this.#listensTo = addAbortListener(init, this); // `init.signal` is not read: that would create the signal
  }

  /** Sends a request, unless it is already aborted. Rejects with an error for a request that `fetch` cannot send. */
  send(url: URL, init: RequestInit): void {
    try {
      this.#dispatch(httpRequest(url, init), init);
    } catch (error) {
      this.onResponseError(undefined, error);
    }
  }

  #dispatch(request: HttpRequest, init: RequestInit): void {
    if (this.#redirect === 'follow') this.#followed = { init, request: copyOf(request) };
    if (!this.#ended) this.#dispatcher.dispatch(withDefaultHeaders(request), this);
  }

  #follow({ request, init }: Followed, status: number, location: string): void {
    const next = new FetchHandler(this.#dispatcher, init, this.#resolve, this.#reject, this.#redirects + 1);
    try {
      if (this.#redirects === MAX_REDIRECTS) throw new Error('redirect count exceeded');
      next.#dispatch(redirected(request, status, location, isStream(init.body)), init);
    } catch (error) {
      next.onResponseError(undefined, error);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended) controller.abort(toError(this.#ended.abortReason));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return; // informational: the response follows
    const head = new ResponseHeaders(headers);
    if (REDIRECTS.has(status) && this.#endsRedirect(status, head.get('location'), controller)) return;
    if (NULL_BODY_STATUSES.has(status)) {
      this.#resolve({ status, headers: head, body: null });
      this.#discardBody(controller);
      return;
    }
    this.#contentEncoding = head.get('content-encoding')?.toLowerCase();
    const encodings = this.#contentEncoding?.split(',').length ?? 0;
    if (encodings > MAX_ENCODINGS && !/^head$/i.test(this.#method)) {
      throw new Error(`more than ${String(MAX_ENCODINGS)} content encodings`);
    }
    this.#body = new Body(controller, this);
    this.#resolve({ status, headers: head, body: this.#body });
  }

  /** Whether the redirect is followed or refused. Otherwise it is a response like any other. */
  #endsRedirect(status: number, location: string | null, controller: Dispatcher.DispatchController): boolean {
    if (this.#redirect === 'error') this.#reject(fetchError('fetch failed', new Error('unexpected redirect')));
    const followed = this.#followed;
    if (location === null || !followed) return this.#redirect === 'error';
    this.#discardBody(controller, () => {
      this.#follow(followed, status, location);
    });
    return true;
  }

  /**
   * Ends without reading the body. After a tick undici has read a body that arrived with the headers, and keeps the connection.
   * It closes the connection for a longer body.
   */
  #discardBody(controller: Dispatcher.DispatchController, then?: () => void): void {
    this.#end({});
    void Promise.resolve().then(() => {
      if (!this.#responseEnded) controller.abort(new DOMException('The body is not read.', 'AbortError'));
      then?.();
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (!this.#body || this.#ended) return; // the body of a redirect, or bytes after the end
    if (this.#contentEncoding !== undefined) this.#decode(this.#contentEncoding, this.#body, controller, chunk);
    const [decoder] = this.#decoders;
    if (!decoder) this.#body.push(chunk);
    else if (!decoder.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#responseEnded = true;
    const [decoder] = this.#decoders;
    if (decoder) decoder.end();
    else this.#complete();
  }

  onResponseError(_controller: unknown, error: unknown): void {
    if (this.#ended) return;
    this.#end({});
    this.#reject(fetchError('fetch failed', error));
    this.#body?.fail(fetchError('terminated', error));
  }

  /**
   * Also called when the reader of the body cancels it. Before undici has a connection there is nothing to abort in undici:
   * `onRequestStart` aborts then.
   */
  onAbort(reason: unknown): void {
    if (this.#ended) return;
    this.#end({ abortReason: reason });
    this.#reject(reason);
    this.#body?.fail(reason);
    this.#controller?.abort(toError(reason));
  }

  #complete(): void {
    if (this.#ended) return;
    this.#end({});
    this.#body?.end();
  }

  #end(ended: { readonly abortReason?: unknown }): void {
    this.#ended = ended;
    this.#listensTo?.remove(this);
    for (const decoder of this.#decoders) decoder.destroy();
  }

  /** Called with the first chunk: the format of deflate shows only there, and an empty body needs no decoder. */
  #decode(
    contentEncoding: string,
    body: Body,
    controller: Dispatcher.DispatchController,
    firstChunk: Uint8Array,
  ): void {
    this.#contentEncoding = undefined;
    this.#decoders = createDecoders(contentEncoding, firstChunk);
    const [first, ...others] = this.#decoders;
    if (!first) return;
    for (const decoder of this.#decoders) {
      decoder.on('error', (error) => {
        controller.abort(error);
        this.onResponseError(undefined, error);
      });
    }
    first.on('drain', () => {
      controller.resume();
    });
    const last = others.reduce((from, to) => from.pipe(to), first);
    last.on('data', (chunk: Uint8Array) => {
      body.push(chunk);
    });
    last.on('end', () => {
      this.#complete();
      // Bytes behind the end of the encoded data: the server may go on sending them, and nobody could stop it.
      if (!this.#responseEnded) controller.abort(new DOMException('The body has ended.', 'AbortError'));
    });
    body.source = last;
  }
}

/** One list for all: few responses are encoded, and many requests are in flight. */
const noDecoders: readonly Transform[] = [];

class ResponseHeaders {
  readonly #headers: Readonly<Record<string, string | string[] | undefined>>;

  constructor(headers: Readonly<Record<string, string | string[] | undefined>>) {
    this.#headers = headers;
  }

  get(name: string): string | null {
    const lowerName = name.toLowerCase();
    const value = Object.hasOwn(this.#headers, lowerName) ? this.#headers[lowerName] : undefined;
    return Array.isArray(value) ? value.join(', ') : (value ?? null);
  }
}

/** `fetch` fails with the same messages, and callers look for the system's code in the cause. */
function fetchError(message: string, cause: unknown): TypeError {
  return new TypeError(message, { cause });
}

/** undici and its observers accept only an `Error` as a reason. */
function toError(reason: unknown): Error {
  return attempt(() => reason instanceof Error, false)
    ? (reason as Error)
    : new DOMException('The request was aborted.', 'AbortError');
}
