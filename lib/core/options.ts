import { hasMethod, describeType, assertPositiveInteger } from './assert.ts';
import type { Fetch } from './context.ts';
import type { EventSink } from '../observe/events.ts';
import { type LogFields, type Logger, silent } from '../observe/logging.ts';

/**
 * What an aggregate is configured with. Frozen; an {@link AggregateOption} makes the next one of it.
 */
export interface AggregateConfig {
  /** Milliseconds; `Infinity` for none. */
  readonly timeout: number;
  /** Services in flight at the most; `Infinity` for all at once. */
  readonly concurrency: number;
  readonly name: string;
  readonly logger: Logger;
  /** What is added to each line of the log. */
  readonly fields: LogFields | undefined;
  /** Who is told what a run does, beside the logger. */
  readonly sinks: readonly EventSink[];
  readonly fetch: Fetch | undefined;
}

/**
 * A functional option: a pure function from one frozen {@link AggregateConfig} to the next. The last one wins.
 *
 * @remarks "Self-referential functions and the design of options" (Pike, 2014).
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, type AggregateOption, background, silent, withLogger, withTimeout } from 'forkfast';
 *
 * const house: readonly AggregateOption[] = [withTimeout(1_000), withLogger(silent)];
 *
 * aggregate({ answer: () => of(42) }, ...house)(background).subscribe(console.log); // => { answer: 42 }
 * ```
 */
export type AggregateOption = (config: AggregateConfig) => AggregateConfig;

const defaults: AggregateConfig = /* @__PURE__ */ Object.freeze({
  timeout: 30_000,
  concurrency: Infinity,
  name: 'aggregate',
  logger: silent,
  fields: undefined,
  sinks: Object.freeze([]),
  fetch: undefined,
});

export function configure(options: readonly AggregateOption[]): AggregateConfig {
  return options.reduce((config, option) => {
    if (typeof option !== 'function') {
      throw new TypeError(
        `an option is what a with…() function gives, such as withTimeout(1_000), not ${describeType(option)}`,
      );
    }
    return option(config);
  }, defaults);
}

function set(change: Partial<AggregateConfig>): AggregateOption {
  return (config) => Object.freeze({ ...config, ...change });
}

/**
 * Bounds a run to `ms` milliseconds, counted from the subscription; then it errors with `DeadlineExceededError`.
 *
 * By default 30,000 ms. The caller's `ctx.deadline` wins where it is sooner, and nested aggregates inherit what is left.
 *
 * ```text
 * profile   --p|
 * orders    ------------o|
 * run       ---------#        withTimeout(9)
 * ```
 *
 * @param ms - Above 0 and below 2^31, or `Infinity` for no timeout.
 * @throws RangeError for any other number: a timer would fire after 1 ms.
 * @defaultValue 30_000
 * @remarks Go's `context.WithTimeout`.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate, background, silent, withLogger, withTimeout } from 'forkfast';
 *
 * const ask = aggregate({ orders: () => NEVER }, withTimeout(10), withLogger(silent));
 *
 * ask(background).subscribe({ error: (error) => console.log(error.name) }); // => DeadlineExceededError
 * ```
 */
export function withTimeout(ms: number): AggregateOption {
  if (typeof ms !== 'number' || !(ms > 0 && (ms < 2 ** 31 || ms === Infinity))) {
    throw new RangeError(
      `withTimeout: milliseconds above 0 and below 2^31, or Infinity for none, not ${describeType(ms)}`,
    );
  }
  return set({ timeout: ms });
}

/**
 * Writes what a run does to `logger`: its failure and a passed deadline at `error`, once; a teardown that threw at `warn`; all
 * else at `debug`.
 *
 * By default winston on Node (JSON lines on stderr, level from `LOG_LEVEL`, `info` where unset), `console` elsewhere.
 * Lines hold no query, header, body or credentials.
 *
 * @param logger - winston, `console`, or anything with `debug`, `info`, `warn` and `error`; `silent` for none.
 * @param fields - Adds to every line of a run, from its context and input: a request id. One that is called as a field of
 * the line itself gives way to it.
 * @throws TypeError where a method is missing.
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, silent, withLogger } from 'forkfast';
 *
 * const logger = { ...silent, error: (message: string, fields: object) => console.log(message, 'user' in fields) };
 * const ask = aggregate(
 *   { profile: (_ctx, _id: number) => throwError(() => new Error('boom')) },
 *   withLogger(logger, (_ctx, id) => ({ user: id })),
 * );
 *
 * ask({}, 42).subscribe({ error: () => {} }); // => run failed true
 * ```
 */
export function withLogger(logger: Logger, fields?: LogFields): AggregateOption {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (!hasMethod(logger, level)) {
      throw new TypeError(`withLogger: the logger has no method ${level}(message, fields)`);
    }
  }
  return set({ logger, fields });
}

/**
 * Sends what a run tells of itself to `sink`, beside the sinks of the options before it.
 *
 * By default there is none. What a sink throws changes nothing.
 *
 * @param sink - Has `next(event)`: an RxJS `Subject` fits.
 * @throws TypeError where it has not.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background, withEvents } from 'forkfast';
 *
 * const ask = aggregate({ profile: () => of('Alice') }, withEvents({ next: (event) => console.log(event.type) }));
 *
 * ask(background).subscribe();
 * // => started
 * // => started
 * // => succeeded
 * // => succeeded
 * ```
 */
export function withEvents(sink: EventSink): AggregateOption {
  if (!hasMethod(sink, 'next')) {
    throw new TypeError(`withEvents: a sink has next(event), such as a Subject; got ${describeType(sink)}`);
  }
  return (config) => Object.freeze({ ...config, sinks: Object.freeze([...config.sinks, sink]) });
}

/**
 * Lets at most `n` services of a run be in flight; the others wait, and start in order as places fall free.
 *
 * By default all start at once.
 *
 * ```text
 * profile   --p|
 * orders      ----o|          starts when profile has completed
 * run       ------(r|)        withConcurrency(1)
 * ```
 *
 * @param n - A positive integer.
 * @throws RangeError for anything else.
 * @remarks Go's `errgroup.Group.SetLimit`.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background, withConcurrency } from 'forkfast';
 *
 * const ask = aggregate([() => of('first'), () => of('second')], withConcurrency(1));
 *
 * ask(background).subscribe(console.log); // => [ 'first', 'second' ]
 * ```
 */
export function withConcurrency(n: number): AggregateOption {
  assertPositiveInteger('withConcurrency: n', n);
  return set({ concurrency: n });
}

/**
 * Names the aggregate in events and logs.
 *
 * @defaultValue `'aggregate'`
 * @throws TypeError where `name` is no string or empty.
 *
 * @example
 * ```ts
 * import { aggregate, background, withEvents, withName } from 'forkfast';
 *
 * aggregate({}, withName('dashboard'), withEvents({ next: ({ name }) => console.log(name) }))(background).subscribe();
 * // => dashboard
 * // => dashboard
 * ```
 */
export function withName(name: string): AggregateOption {
  if (typeof name !== 'string' || name === '')
    throw new TypeError('withName: the name must be a string that is not empty');
  return set({ name });
}

/**
 * Gives the services of a run their transport, unless the caller's `ctx.fetch` is there.
 *
 * By default `fetchJson` and `fetchText` use `globalThis.fetch`.
 *
 * @throws TypeError where `fetch` is not a function.
 *
 * @example
 * ```ts
 * import { aggregate, background, fetchText, withFetch } from 'forkfast';
 *
 * const fetch = async () => new Response('Alice');
 * const ask = aggregate({ name: (ctx) => fetchText(ctx, 'http://api.test/name') }, withFetch(fetch));
 *
 * ask(background).subscribe(console.log); // => { name: 'Alice' }
 * ```
 */
export function withFetch(fetch: Fetch): AggregateOption {
  if (typeof fetch !== 'function') throw new TypeError(`withFetch: a function like fetch, not ${describeType(fetch)}`);
  return set({ fetch });
}
