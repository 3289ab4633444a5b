import { withSignal } from '../core/abort/with-signal.ts';
import { mismatch } from '../core/assert.ts';
import type { Context, Fetch } from '../core/context.ts';
import type { AbortableCall, AbortableWork } from '../core/from-abortable.ts';
import { abortErrorOf, countResend, runOf } from '../core/run-handle.ts';
import { CanceledError } from '../errors/canceled-error.ts';
import { NetworkError } from '../errors/network-error.ts';
import { markRepeatable } from '../errors/repeatable.ts';
import type { FetchInit } from './fetch.ts';
import { messageOf, networkErrorOf, type Target } from './network-error-of.ts';
import { hrefOf, pageUrl, parseUrl, redactUrl } from './parse-url.ts';
import { copyOfHeaders, type Header, idempotencyKeyOf, ownHeaders, requestHeaders } from './request-headers.ts';
import { readResponse, type ReadOptions, type ResponseReader } from './response/read-response.ts';
import {
  assertSendable,
  beginSending,
  isInit,
  isStream,
  recordFailure,
  sentMethod,
  uploadOf,
  withJson,
} from './sendable.ts';

/** The transports that know no `redirect: 'error'`, such as that of Cloudflare Workers. */
const withoutErrorMode = new WeakSet<Fetch>();

/** The options of `fetchResponse`, `fetchLines` and `fetchEvents`. */
type OtherOptions = Readonly<Partial<Record<'as' | 'parse' | 'idle' | 'reconnect', unknown>>>;

/** One object for all requests without an `init`: many are in flight. */
const noInit: RequestInit = {};

/**
 * One request, of `fetchJson` for example. Each subscription to it starts one {@link AbortableCall}.
 *
 * A request in flight keeps this object, but neither the URL nor the `init` that it made for the transport.
 */
export class HttpRequest<T> implements AbortableWork<T>, ReadOptions {
  readonly maxBytes: number;
  readonly signal: RequestInit['signal'];
  /** Whether {@link markError} does anything. */
  readonly marksErrors: boolean;
  readonly #ctx: Context;
  readonly #reader: ResponseReader<T>;
  /** The body, if it can be sent only once. */
  readonly #stream: object | undefined;
  readonly #href: string;
  readonly #init: RequestInit;
  readonly #idempotencyKey: unknown;
  /** The option `json`, if there is one. */
  readonly #json: { readonly value: unknown } | undefined;
  readonly #service: string | undefined;
  #key: string | undefined;
  #sends = 0;

  /** @param fetchInit - As the caller passed it. Only here it is known which of its fields are options of `fetch`. */
  constructor(
    ctx: Context,
    input: string | URL,
    fetchInit: FetchInit | undefined,
    reader: ResponseReader<T>,
    defaultMaxBytes: number = 10 * 2 ** 20,
  ) {
    const given = Object(fetchInit) as FetchInit & OtherOptions;
    // Copied now: the caller may change a URL or an `init` for the next request. Headers and body are not copied.
    const {
      maxBytes = defaultMaxBytes,
      signal,
      idempotencyKey = false,
      json,
      empty,
      as,
      parse,
      idle,
      reconnect,
      ...init
    } = given;
    this.maxBytes = maxBytes;
    this.signal = signal;
    this.#reader = reader;
    this.#ctx = ctx;
    this.#stream = isStream(init.body) ? init.body : undefined;
    this.marksErrors = this.#stream !== undefined || idempotencyKey !== false;
    this.#href = hrefOf(input) ?? (input as string);
    // Any other value is kept as it is: sending it fails, with an error that says so.
    if (fetchInit == null || isInit(fetchInit)) this.#init = Reflect.ownKeys(init).length > 0 ? init : noInit;
    else this.#init = fetchInit;
    this.#idempotencyKey = idempotencyKey;
    this.#json = Object.hasOwn(given, 'json') ? { value: json } : undefined;
    this.#service = runOf(ctx)?.currentService; // read now: when a `retry` subscribes again, no service is being called
  }

  target(): Target {
    return { method: sentMethod(this.#init.method ?? 'GET'), url: redactUrl(parseUrl('fetch', this.#href)) };
  }

  /**
   * @param reader - Reads the response, in place of the reader of all subscriptions.
   * @param headers - In place of those of the `init`.
   */
  start(
    call: AbortableCall<T>,
    reader: ResponseReader<T> = this.#reader,
    headers: RequestInit['headers'] = this.#init.headers,
  ): void {
    const { maxBytes } = this;
    if (!(typeof maxBytes === 'number' && maxBytes >= 0))
      throw new RangeError(mismatch('fetch: maxBytes', 'at least 0', maxBytes));
    const url = requestUrl(this.#href);
    if (this.#idempotencyKey !== false) this.#key ??= idempotencyKeyOf(this.#idempotencyKey);
    const init = this.#json ? withJson(this.#init, this.#json.value) : this.#init;
    assertSendable(init);
    const own = ownHeaders(headers, this.#key, this.#json !== undefined); // now: an iterable may be read only once
    const all = requestHeaders(this.#ctx, own, reader);
    this.#beginSending();
    this.#send(call, url, init, all, reader);
  }

  /** Work with the errors of this request that starts in another way. */
  startedBy(start: AbortableWork<T>['start']): AbortableWork<T> {
    return {
      start,
      reasonOf: (error) => this.reasonOf(error),
      errorOf: (reason) => this.errorOf(reason),
    };
  }

  /** Reports that a stream has failed and will connect again: its subscriber does not see it. */
  reportReconnecting(error: unknown): void {
    runOf(this.#ctx)?.report('reconnecting', this.#service, { error });
  }

  /** Keeps what a retry must know of the error. */
  markError(error: unknown): void {
    if (this.#key !== undefined) markRepeatable(error, true);
    if (this.#stream) recordFailure(this.#stream, error);
  }

  /** Every fetch aborts with an `AbortError`: tracers and interceptors count any other reason as a failure. */
  reasonOf(cause: unknown): DOMException {
    return Object.assign(new DOMException('The answer is no longer needed', 'AbortError'), { cause });
  }

  /**
   * A failure of the service if it has made the signal that aborted: `init.signal`, or that of a context in a run in flight. The
   * signal of the `init` may follow that of the caller.
   */
  errorOf(cause: unknown): unknown {
    if (!this.signal) return this.errorOfContext(cause);
    const { signal } = this.#ctx;
    return signal?.aborted ? this.errorOfContext(signal.reason) : this.#abortError('init', cause);
  }

  /** The error for an abort of `ctx.signal`. */
  errorOfContext(cause: unknown): unknown {
    const error = abortErrorOf(this.#ctx, cause);
    return error instanceof CanceledError ? error : this.#abortError('ctx', cause);
  }

  #abortError(owner: 'init' | 'ctx', cause: unknown): NetworkError {
    const advice = 'pass a signal that has not aborted to the next request';
    const reason = `no answer (${owner}.signal aborted)`;
    return new NetworkError({ reason, kind: 'aborted', ...this.target(), advice, cause });
  }

  /**
   * Calls the transport. If it does not know `redirect: 'error'`, it is called again with `'manual'`, and so is every later
   * request: such a transport throws before it sends anything.
   */
  #send(
    call: AbortableCall<T>,
    url: URL,
    init: RequestInit,
    headers: readonly Header[],
    reader: ResponseReader<T>,
  ): void {
    const transport = this.#ctx.fetch ?? globalThis.fetch; // called without ctx as its `this`: an illegal invocation in browsers
    const wanted = this.#init.redirect ?? 'error';
    const refusesRedirects = wanted === 'error' && (withoutErrorMode.has(transport) || hidesRedirects(transport));
    const redirect = refusesRedirects ? 'manual' : wanted;
    const onFailure = (cause: unknown, thrown = false): void => {
      if (redirect === 'error' && !call.ended && isUnknownRedirectMode(cause)) {
        withoutErrorMode.add(transport);
        call.attempt(() => {
          this.#send(call, requestUrl(this.#href), init, headers, reader);
        });
      } else call.fail(() => this.#networkError(cause, thrown));
    };
    call.controller.isOfRequest = true;
    // The transport owns its URL and its `init`, and may change them: a second attempt gets others.
    const sent: RequestInit = Object.assign({}, init, { redirect, headers: copyOfHeaders(headers) }); // a spread of `init` costs 2 µs
    if (this.#stream) sent.body = uploadOf(this.#stream, call as AbortableCall<never>) as BodyInit;
    let response: ReturnType<Fetch>;
    try {
      response = transport(url, withSignal(sent, call.controller));
    } catch (cause) {
      onFailure(cause, true);
      return;
    }
    Promise.resolve(response).then((received) => {
      call.attempt(() => {
        readResponse(received, refusesRedirects, reader, this, call); // throws for something else than a response
      });
    }, onFailure);
  }

  #beginSending(): void {
    if (this.#stream) beginSending(this.#stream);
    if (this.#sends++ > 0) countResend(runOf(this.#ctx), this.#service);
  }

  #networkError(cause: unknown, thrown: boolean): unknown {
    return networkErrorOf({ cause, thrown, url: requestUrl(this.#href), init: this.#init }, this.target());
  }
}

function requestUrl(href: unknown): URL {
  if (typeof href !== 'string') throw new TypeError(mismatch('fetch: url', 'a string or a URL', href));
  const url = parseUrl('fetch', href);
  if (url.username === '' && url.password === '') return url;
  throw new TypeError(
    `fetch: expected a URL without credentials, got some before the host of ${redactUrl(url)}: send them in a header`,
  );
}

/** Whether a redirect would look like any other failure: so it is with `'error'` in a page. With `'manual'` it is a response. */
function hidesRedirects(transport: Fetch): boolean {
  return transport === globalThis.fetch && pageUrl() !== undefined;
}

/** The message of workerd: "Invalid redirect value, must be one of …". No transport says so after it has sent a request. */
function isUnknownRedirectMode(error: unknown): boolean {
  const message = messageOf(error);
  return (
    /\bredirect\b/i.test(message) && /\b(?:invalid|unsupported|not supported|must be|not implemented)\b/i.test(message)
  );
}
