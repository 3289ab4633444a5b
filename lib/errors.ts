import type { StandardSchemaV1 } from '@standard-schema/spec';
import { kindOf } from './check.ts';

/**
 * What every error of forkfast is: an `Error` with a literal `name`, a stable `code`, and a `toJSON` that is safe to log.
 *
 * `toJSON` holds the fields and the chain of causes. Of a cause that is not forkfast's own it keeps `name` and `code`
 * only, where they are single words, and no text: messages of platforms and libraries quote URLs, header values and bodies.
 * Of a cause that is no `Error` it keeps the type.
 *
 * @remarks The shape is that of Node's system errors (`code`) and of ky's errors (literal names).
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, background, ForkfastError, silent, withLogger } from 'forkfast';
 *
 * const ask = aggregate({ profile: () => throwError(() => new Error('boom')) }, withLogger(silent));
 *
 * ask(background).subscribe({
 *   error: (error) => console.log(error instanceof ForkfastError && error.code), // => ERR_SERVICE_FAILED
 * });
 * ```
 */
export abstract class ForkfastError extends Error {
  abstract override readonly name: string;
  /** Stable across versions: compare this, not the message. */
  abstract readonly code: string;

  /** The fields that are fit for a log; the message says no more than they do. */
  toJSON(): Record<string, unknown> {
    return this.json(new Set());
  }

  /** The message without a word that is not our own. */
  protected get summary(): string {
    return this.message;
  }

  /** The fields of a subclass. */
  protected get fields(): Record<string, unknown> {
    return {};
  }

  /** What `cause` may say in a line of ours. */
  protected static brief(cause: unknown): string {
    if (cause instanceof ForkfastError) return cause.summary;
    const { name, code } = foreign(cause);
    return code === undefined ? name : `${name} ${String(code)}`;
  }

  private json(seen: Set<unknown>): Record<string, unknown> {
    seen.add(this);
    const { name, code, summary: message, fields, cause } = this;
    const own = { name, code, message, ...fields };
    if (!('cause' in this)) return own;
    if (!(cause instanceof ForkfastError)) return { ...own, cause: foreign(cause) };
    return seen.has(cause) ? own : { ...own, cause: cause.json(seen) };
  }
}

/** Any error as fields for a log. */
export function serialize(error: unknown): Record<string, unknown> {
  return error instanceof ForkfastError ? error.toJSON() : foreign(error);
}

/** Of an error that is not our own its kind, and nothing of what is no error: that may be an answer, thrown whole. */
function foreign(error: unknown): { name: string; code?: string | number } {
  if (!(error instanceof Error)) return { name: typeof error };
  const { name, code } = error as { name: unknown; code?: unknown };
  return { name: isWord(name) ? name : 'Error', ...(isWord(code) || typeof code === 'number' ? { code } : {}) };
}

/** What the name or the code of an error is: short, and no prose. */
export function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[\w$./:-]{1,64}$/.test(value);
}

/**
 * A service of an aggregate failed: it errored, threw, completed without a value, or returned no Observable.
 *
 * `service` is its name, with the names of the aggregates around it in front (`dashboard.profile`, `[0].orders`);
 * `elapsed` is counted from the start of the run, in milliseconds; `cause` is the error itself.
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, background, silent, withLogger } from 'forkfast';
 *
 * const ask = aggregate({ profile: () => throwError(() => new Error('boom')) }, withLogger(silent));
 *
 * ask(background).subscribe({ error: (error) => console.log(error.message) }); // => profile: boom
 * ```
 */
export class ServiceError extends ForkfastError {
  override readonly name = 'ServiceError' as const;
  override readonly code = 'ERR_SERVICE_FAILED' as const;
  readonly service: string;
  readonly elapsed: number;

  constructor(service: string, options: { elapsed: number; cause: unknown }) {
    super(`${service}: ${why(options.cause)}`, { cause: options.cause });
    this.service = service;
    this.elapsed = options.elapsed;
  }

  protected override get summary(): string {
    return `${this.service}: ${ForkfastError.brief(this.cause)}`;
  }

  protected override get fields(): Record<string, unknown> {
    return { service: this.service, elapsed: this.elapsed };
  }
}

/** The name of a service of a nested aggregate: `dashboard.profile`, `[0].orders`, `orders[3]`. */
export function nested(outer: string, service: string): string {
  return service.startsWith('[') ? outer + service : `${outer}.${service}`;
}

function why(cause: unknown): string {
  if (cause instanceof Error) return cause.message || cause.name;
  return typeof cause === 'string' ? cause : `failed with ${kindOf(cause)}`;
}

/**
 * The deadline passed before every service had answered.
 *
 * `pending` names the services that had not, the queued ones included; `elapsed` is counted from the start of the run, in
 * milliseconds; `cause` is RxJS's `TimeoutError`.
 *
 * @remarks Named as Go's `context.DeadlineExceeded`.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate, background, silent, withLogger, withTimeout } from 'forkfast';
 *
 * const ask = aggregate({ orders: () => NEVER }, withTimeout(10), withLogger(silent));
 *
 * ask(background).subscribe({ error: (error) => console.log(error.code, error.pending) }); // => ERR_DEADLINE_EXCEEDED [ 'orders' ]
 * ```
 */
export class DeadlineExceededError extends ForkfastError {
  override readonly name = 'DeadlineExceededError' as const;
  override readonly code = 'ERR_DEADLINE_EXCEEDED' as const;
  readonly pending: readonly string[];
  readonly elapsed: number;

  constructor(options: { pending: readonly string[]; elapsed: number; cause?: unknown }) {
    const { pending, elapsed } = options;
    const names = listed(pending, ', ', (name) => name);
    super(`context deadline exceeded after ${String(elapsed)} ms, pending: ${names}`, causeOf(options));
    this.pending = pending;
    this.elapsed = elapsed;
  }

  protected override get fields(): Record<string, unknown> {
    return { pending: this.pending, elapsed: this.elapsed };
  }
}

/** The first five, and how many more there are: a line has an end, whatever an answer or a caller comes up with. */
function listed<T>(all: readonly T[], separator: string, words: (one: T) => string): string {
  const more = all.length - 5;
  return all.slice(0, 5).map(words).join(separator) + (more > 0 ? ` and ${String(more)} more` : '');
}

/**
 * The caller no longer wants the answer: `cause` is the very `reason` of the caller's signal.
 *
 * There is no `cause` where the caller unsubscribed: this is then only the `reason` that services find in their signal.
 *
 * @remarks Named as Go's `context.Canceled`.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate } from 'forkfast';
 *
 * const ask = aggregate({ profile: () => of('Alice') });
 *
 * ask({ signal: AbortSignal.abort('the user left') }).subscribe({
 *   error: (error) => console.log(error.code, error.cause), // => ERR_CANCELED the user left
 * });
 * ```
 */
export class CanceledError extends ForkfastError {
  override readonly name = 'CanceledError' as const;
  override readonly code = 'ERR_CANCELED' as const;

  constructor(options: { cause?: unknown } = {}) {
    super('context canceled', causeOf(options));
  }
}

/**
 * There was no answer: no connection, a connection that broke (in the body too), or a redirect that was refused.
 *
 * The message holds the system's code (`ECONNREFUSED`) where there is one; `url` has no credentials and no query.
 *
 * @example
 * ```ts
 * import { background, fetchJson, NetworkError } from 'forkfast';
 *
 * fetchJson(background, 'http://127.0.0.1:1/profiles/42?token=secret').subscribe({
 *   error: (error) => console.log(error instanceof NetworkError && error.url), // => http://127.0.0.1:1/profiles/42
 * });
 * ```
 */
export class NetworkError extends ForkfastError {
  override readonly name = 'NetworkError' as const;
  override readonly code = 'ERR_NETWORK' as const;
  readonly method: string;
  readonly url: string;

  constructor(what: string, options: { method: string; url: string; cause?: unknown }) {
    super(`${what} from ${options.method} ${options.url}`, causeOf(options));
    this.method = options.method;
    this.url = options.url;
  }

  protected override get fields(): Record<string, unknown> {
    return { method: this.method, url: this.url };
  }
}

/**
 * A response came with a `status` outside 200–299.
 *
 * `url` has no credentials and no query; `retryAfter` is the `Retry-After` header in milliseconds from now; `body` is what
 * arrived of the body within 64 KiB and 100 ms, for code to look at: it is not enumerable, and in no log.
 *
 * @example
 * ```ts
 * import { fetchJson } from 'forkfast';
 *
 * const fetch = async () => new Response('no such user', { status: 404 });
 *
 * fetchJson({ fetch }, 'http://api.test/profiles/42').subscribe({
 *   error: (error) => console.log(error.message, '-', error.body), // => HTTP 404 from GET http://api.test/profiles/42 - no such user
 * });
 * ```
 */
export class HttpError extends ForkfastError {
  override readonly name = 'HttpError' as const;
  override readonly code = 'ERR_HTTP_STATUS' as const;
  readonly status: number;
  readonly method: string;
  readonly url: string;
  declare readonly body: string;
  readonly retryAfter: number | undefined;

  constructor(options: {
    status: number;
    method: string;
    url: string;
    body?: string;
    retryAfter?: number | undefined;
  }) {
    super(`HTTP ${String(options.status)} from ${options.method} ${options.url}`);
    this.status = options.status;
    this.method = options.method;
    this.url = options.url;
    this.retryAfter = options.retryAfter;
    Object.defineProperty(this, 'body', { value: options.body ?? '' });
  }

  protected override get fields(): Record<string, unknown> {
    const { status, method, url, retryAfter } = this;
    return { status, method, url, ...(retryAfter === undefined ? {} : { retryAfter }) };
  }
}

/**
 * A body arrived whole and isn't what it should be: not JSON, not UTF-8, or empty.
 *
 * `status` is that of HTTP; `contentType` is the media type that the response said it was, with its charset; `null` where it
 * said none.
 *
 * @example
 * ```ts
 * import { fetchJson } from 'forkfast';
 *
 * const fetch = async () => new Response('<h1>hello', { headers: { 'content-type': 'text/html' } });
 *
 * fetchJson({ fetch }, 'http://api.test/').subscribe({
 *   error: (error) => console.log(error.message), // => no JSON but 9 bytes of text/html (HTTP 200) from GET http://api.test/
 * });
 * ```
 */
export class DecodeError extends ForkfastError {
  override readonly name = 'DecodeError' as const;
  override readonly code = 'ERR_DECODE' as const;
  readonly status: number;
  readonly contentType: string | null;
  readonly method: string;
  readonly url: string;

  constructor(
    what: string,
    options: { status: number; contentType: string | null; method: string; url: string; cause?: unknown },
  ) {
    super(`${what} (HTTP ${String(options.status)}) from ${options.method} ${options.url}`, causeOf(options));
    this.status = options.status;
    this.contentType = options.contentType;
    this.method = options.method;
    this.url = options.url;
  }

  protected override get fields(): Record<string, unknown> {
    const { status, contentType, method, url } = this;
    return { status, contentType, method, url };
  }
}

/**
 * A body had more than `maxBytes` bytes, counted after decoding; the connection was closed.
 *
 * @example
 * ```ts
 * import { fetchText } from 'forkfast';
 *
 * const fetch = async () => new Response('far too much');
 *
 * fetchText({ fetch }, 'http://api.test/', { maxBytes: 4 }).subscribe({
 *   error: (error) => console.log(error.message), // => more than 4 bytes from GET http://api.test/
 * });
 * ```
 */
export class BodyTooLargeError extends ForkfastError {
  override readonly name = 'BodyTooLargeError' as const;
  override readonly code = 'ERR_BODY_TOO_LARGE' as const;
  readonly maxBytes: number;
  readonly method: string;
  readonly url: string;

  constructor(options: { maxBytes: number; method: string; url: string }) {
    super(`more than ${String(options.maxBytes)} bytes from ${options.method} ${options.url}`);
    this.maxBytes = options.maxBytes;
    this.method = options.method;
    this.url = options.url;
  }

  protected override get fields(): Record<string, unknown> {
    return { maxBytes: this.maxBytes, method: this.method, url: this.url };
  }
}

/**
 * A bulkhead was full: `running` were subscribed, and as many as may were `waiting`.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { bulkhead } from 'forkfast';
 *
 * const one = bulkhead(1, { queue: 0 });
 * const first = NEVER.pipe(one).subscribe();
 *
 * NEVER.pipe(one).subscribe({ error: (error) => console.log(error.message) }); // => bulkhead full: 1 running, 0 waiting
 * first.unsubscribe();
 * ```
 */
export class BulkheadFullError extends ForkfastError {
  override readonly name = 'BulkheadFullError' as const;
  override readonly code = 'ERR_BULKHEAD_FULL' as const;
  readonly running: number;
  readonly waiting: number;

  constructor(options: { running: number; waiting: number }) {
    const { running, waiting } = options;
    super(`bulkhead full: ${String(running)} running, ${String(waiting)} waiting`);
    this.running = running;
    this.waiting = waiting;
  }

  protected override get fields(): Record<string, unknown> {
    return { running: this.running, waiting: this.waiting };
  }
}

/**
 * A value has another shape than it should: `issues` says what, and where.
 *
 * The message quotes the first five issues; `toJSON` keeps their paths only, cut at 80 characters, since a schema's messages
 * may quote the value. The paths are keys: of a map that a schema describes, keys of the body.
 *
 * @remarks The issues are those of Standard Schema (https://standardschema.dev).
 *
 * @example
 * ```ts
 * import { background, profileService } from 'forkfast';
 *
 * const profile = profileService('http://api.test');
 * const fetch = async () => Response.json({ nam: 'Alice' });
 *
 * profile({ fetch }, 42).subscribe({ error: (error) => console.log(error.message) }); // => name: expected a string
 * ```
 */
export class ValidationError extends ForkfastError {
  override readonly name = 'ValidationError' as const;
  override readonly code = 'ERR_VALIDATION' as const;
  readonly issues: readonly StandardSchemaV1.Issue[];

  constructor(issues: readonly StandardSchemaV1.Issue[]) {
    super(listed(issues, '; ', (issue) => [...pathOf(issue), issue.message].join(': ')));
    this.issues = issues;
  }

  protected override get summary(): string {
    return `invalid${listed(this.issues, ',', (issue) => String(pathOf(issue).map((path) => ` ${path}`)))}`;
  }

  protected override get fields(): Record<string, unknown> {
    return { issues: this.issues.slice(0, 5).map((issue) => ({ path: pathOf(issue).join() })) };
  }
}

/** `profile.name`, or nothing where the issue is with the whole value. */
function pathOf({ path = [] }: StandardSchemaV1.Issue): [] | [string] {
  const keys = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  return keys.length === 0 ? [] : [keys.join('.').slice(0, 80)];
}

/** The second argument of `Error`: without a `cause` where none was given, even `undefined`. */
function causeOf(options: { cause?: unknown }): ErrorOptions | undefined {
  return 'cause' in options ? { cause: options.cause } : undefined;
}
