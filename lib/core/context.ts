import { hasMethod, mismatch } from './assert.ts';

/** The result of a {@link Fetch}: the part of the platform's `Response` that forkfast reads. */
export interface FetchResponse {
  /** The HTTP status. 200 to 299 means success. */
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: FetchBody | null;
}

/**
 * The body of a {@link FetchResponse}: a `ReadableStream` of bytes, or a cheaper object with the same methods.
 *
 * Unlike a stream, the object may return the last bytes together with `done`, and may return a chunk without a promise.
 */
export interface FetchBody {
  /** Locks the body: it has one reader. After `cancel`, forkfast reads no more. */
  getReader(): {
    read(): FetchChunk | PromiseLike<FetchChunk>;
    cancel(reason?: unknown): PromiseLike<void>;
  };
}

/** One part of a {@link FetchBody}. */
export interface FetchChunk {
  /** Whether the body ends with this chunk. */
  readonly done: boolean;
  /** Any number of bytes. */
  readonly value?: Uint8Array | undefined;
}

/**
 * A transport: `globalThis.fetch`, or a function that can replace it, such as SvelteKit's `event.fetch`, the service binding of a
 * worker, `undiciFetch`, or a stub in a test. It is called as a plain function, without `this`.
 */
export type Fetch = (input: URL, init: RequestInit) => PromiseLike<FetchResponse>;

/**
 * A plain, readonly object that travels with a request. It is the first argument of every call.
 *
 * Extend the interface to carry more: every service receives all fields that the caller passed.
 *
 * @remarks The idea is Go's `context.Context` (https://pkg.go.dev/context).
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, type Context } from 'forkfast';
 *
 * interface TenantContext extends Context {
 *   readonly tenant: string;
 * }
 * const page = aggregate({ greeting: (ctx: TenantContext) => of(`hello ${ctx.tenant}`) });
 *
 * page({ tenant: 'acme' }).subscribe(console.log); // => { greeting: 'hello acme' }
 * ```
 */
export interface Context {
  /** Aborts when the caller no longer needs the answer. */
  readonly signal?: AbortSignal | undefined;
  /** The time by which the caller needs the answer: epoch milliseconds on the clock of RxJS's `asyncScheduler`. */
  readonly deadline?: number | undefined;
  /** The transport that `fetchJson` and the other requests use instead of `globalThis.fetch`. */
  readonly fetch?: Fetch | undefined;
  /**
   * Headers that `fetchJson` and the other requests send upstream. They send no other header of the caller's request. A header whose
   * value is `undefined` is not sent.
   */
  readonly propagate?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * The root context: a frozen, empty object. It is never canceled and has no deadline.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background } from 'forkfast';
 *
 * aggregate({ answer: () => of(42) })(background).subscribe(console.log); // => { answer: 42 }
 * ```
 */
export const background: Context = Object.freeze({});

/** Returns an error if `ctx` is not a valid context. */
export function checkContext(ctx: unknown): Error | undefined {
  if (typeof ctx !== 'object' || ctx === null || hasMethod(ctx, 'addEventListener')) {
    return new TypeError(`${mismatch('ctx', 'a context', ctx)}: pass background or { signal }`);
  }
  const { signal, deadline, fetch, propagate } = ctx as Readonly<Record<keyof Context, unknown>>;
  if (signal !== undefined && !hasMethod(signal, 'addEventListener')) {
    return new TypeError(`${mismatch('ctx.signal', 'an AbortSignal', signal)}: pass controller.signal`);
  }
  if (deadline !== undefined && (typeof deadline !== 'number' || Number.isNaN(deadline))) {
    return new RangeError(
      `${mismatch('ctx.deadline', 'epoch milliseconds', deadline)}: pass Date.now() + milliseconds`,
    );
  }
  if (fetch !== undefined && typeof fetch !== 'function') {
    return new TypeError(`${mismatch('ctx.fetch', 'a function', fetch)}: pass fetch`);
  }
  return propagate === undefined ? undefined : checkHeaders(propagate);
}

/** A `Headers` or a `Map` has no entries of its own, so `singleFlight` would take two of them for equal. */
function checkHeaders(headers: unknown): Error | undefined {
  if (typeof headers !== 'object' || headers === null || hasMethod(headers, Symbol.iterator)) {
    return new TypeError(`${mismatch('ctx.propagate', 'a record', headers)}: pass Object.fromEntries(headers)`);
  }
  for (const [name, value] of Object.entries(headers) as [string, unknown][]) {
    if (isText(value)) continue;
    const header = `ctx.propagate[${JSON.stringify(name)}]`;
    return new TypeError(`${mismatch(header, 'a string', value)}: pass text, or undefined to leave the header out`);
  }
  return undefined;
}

/** Whether the text of `value` is what its author means. `null` and objects would be sent as `null` and `[object Object]`. */
function isText(value: unknown): boolean {
  return ['string', 'number', 'bigint', 'boolean', 'undefined'].includes(typeof value);
}

/**
 * Completes the context of a run's services, except for the signal.
 *
 * @param copy - A copy of the caller's context without its signal.
 */
export function serviceContext(
  copy: { -readonly [K in keyof Context]: Context[K] },
  deadline: number,
  transport: Fetch | undefined,
): Context {
  if (deadline === Infinity) delete copy.deadline;
  else copy.deadline = deadline;
  if (transport !== undefined) copy.fetch ??= transport;
  else if (copy.fetch === undefined) delete copy.fetch;
  return copy;
}

/** Runs an action in an async context that was captured before, and returns the result of the action. */
export type RunInContext = <T>(action: () => T) => T;

const runDirectly: RunInContext = (action) => action();

/** `undefined` until the first look-up. */
let makeRunner: (() => RunInContext) | undefined;

/**
 * Captures the async context of the caller: its `AsyncLocalStorage` stores, and so its active OpenTelemetry span. Code that
 * calls a subscriber on the stack of another caller calls it in the context that the subscriber had when it subscribed.
 *
 * Where Node's `async_hooks` are missing, as in browsers, the action just runs.
 */
export function captureAsyncContext(): RunInContext {
  makeRunner ??= runnerMaker();
  return makeRunner();
}

/**
 * `AsyncResource` instead of `AsyncLocalStorage.snapshot()`, which costs about 10 µs more on Node 20. `getBuiltinModule` instead
 * of an import keeps Node's modules out of browser bundles.
 */
function runnerMaker(): () => RunInContext {
  const { process } = globalThis as { readonly process?: Partial<NodeJS.Process> };
  const Resource = process?.getBuiltinModule?.('node:async_hooks')?.AsyncResource;
  if (!Resource) return () => runDirectly;
  return () => {
    const resource = new Resource('forkfast');
    return (action) => resource.runInAsyncScope(action);
  };
}
