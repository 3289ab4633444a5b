import { hasMethod, describeType } from './assert.ts';

/** What {@link Fetch} answers with: the part of the platform's `Response` that forkfast reads. */
export interface FetchResponse {
  /** The status of HTTP: 200 to 299 for an answer. */
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: FetchBody | null;
}

/**
 * The body of a {@link FetchResponse}: any `ReadableStream` of bytes. What costs less than a stream fits too: the last bytes may
 * come with `done`, and what is there already without a promise.
 */
export interface FetchBody {
  /** Locks it: there is one reader, and once it is canceled nothing more is read. */
  getReader(): {
    read(): FetchChunk | PromiseLike<FetchChunk>;
    cancel(reason?: unknown): PromiseLike<void>;
  };
}

/** What a single `read` of a {@link FetchBody} gives. */
export interface FetchChunk {
  /** Whether that was the end. */
  readonly done: boolean;
  /** The bytes, of any number. */
  readonly value?: Uint8Array | undefined;
}

/**
 * A transport: `globalThis.fetch`, or anything that takes its arguments and answers alike (SvelteKit's `event.fetch`, a
 * worker's service binding, `undiciFetch`, a test's stub). It is called as a plain function, without a `this`.
 */
export type Fetch = (input: URL, init: RequestInit) => PromiseLike<FetchResponse>;

/**
 * What travels with a request: the first argument of every call, a plain and readonly object.
 *
 * Extend it to carry more: whatever else is in it reaches every service.
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
 * const ask = aggregate({ greeting: (ctx: TenantContext) => of(`hello ${ctx.tenant}`) });
 *
 * ask({ tenant: 'acme' }).subscribe(console.log); // => { greeting: 'hello acme' }
 * ```
 */
export interface Context {
  /** Aborted when the caller no longer wants the answer. */
  readonly signal?: AbortSignal | undefined;
  /** The time by which the answer is needed, in epoch milliseconds on the clock of RxJS's `asyncScheduler`. */
  readonly deadline?: number | undefined;
  /** The transport of `fetchJson` and `fetchText`, instead of `globalThis.fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Headers that `fetchJson` and `fetchText` send upstream. Nothing else of the caller's request is forwarded. */
  readonly propagate?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * The root context: frozen and empty. It is never canceled and has no deadline.
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

/** The reason why nothing can be asked on `ctx`, or `undefined` where it is sound. */
export function checkContext(ctx: unknown): Error | undefined {
  if (typeof ctx !== 'object' || ctx === null || hasMethod(ctx, 'addEventListener')) {
    return new TypeError(`the first argument is the context: pass background or { signal }, not ${describeType(ctx)}`);
  }
  const { signal, deadline, fetch, propagate } = ctx as Readonly<Record<keyof Context, unknown>>;
  if (signal !== undefined && !hasMethod(signal, 'addEventListener')) {
    return new TypeError(`ctx.signal must be an AbortSignal, not ${describeType(signal)}: pass controller.signal`);
  }
  if (deadline !== undefined && (typeof deadline !== 'number' || Number.isNaN(deadline))) {
    return new RangeError(`ctx.deadline must be a number of epoch milliseconds, not ${describeType(deadline)}`);
  }
  if (fetch !== undefined && typeof fetch !== 'function') {
    return new TypeError(`ctx.fetch must be a function, not ${describeType(fetch)}`);
  }
  // What has no entries of its own, such as Headers, would be told from no other by who shares what is asked.
  if (propagate !== undefined && (typeof (propagate ?? 0) !== 'object' || hasMethod(propagate, Symbol.iterator))) {
    return new TypeError(
      `ctx.propagate must be a record, not ${describeType(propagate)}: pass Object.fromEntries(headers)`,
    );
  }
  return undefined;
}

/** Makes the context of a run's services, but for the signal, of a copy of the caller's: all of that, and what belongs to the run. */
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
