import type { EventSink } from '../observe/events.ts';
import { type LogConfig, type Logger, silent } from '../observe/logging.ts';
import { assertPositiveInteger, connectionHeaders, describeType, hasMethod, isToken, mismatch } from './assert.ts';
import type { Fetch } from './context.ts';

/** The frozen configuration of an aggregate. Each {@link AggregateOption} makes the next one. */
export interface AggregateConfig {
  /** Milliseconds from the subscription; `Infinity` for none. */
  readonly timeout: number;
  /** How many services may run at once; `Infinity` for all. */
  readonly concurrency: number;
  readonly name: string;
  readonly logger: Logger;
  /** The content of log lines. */
  readonly log: LogConfig;
  /** Receive the events of each run. */
  readonly sinks: readonly EventSink[];
  readonly fetch: Fetch | undefined;
  /** The header that tells an upstream the time that is left, in lower case. */
  readonly deadlineHeader: string | undefined;
}

/**
 * A functional option: a pure function from one frozen {@link AggregateConfig} to the next. The last one wins.
 *
 * @remarks "Self-referential functions and the design of options" (Pike, 2014).
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, type AggregateOption, background, withConcurrency, withTimeout } from 'forkfast';
 *
 * const house: readonly AggregateOption[] = [withTimeout(1_000), withConcurrency(4)];
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
  log: Object.freeze({}),
  sinks: Object.freeze([]),
  fetch: undefined,
  deadlineHeader: undefined,
});

/** @param caller - The name of the function that received the options, for the message about a wrong one. */
export function configure(caller: string, options: readonly AggregateOption[]): AggregateConfig {
  return options.reduce((config, option) => {
    const next = typeof option === 'function' ? option(config) : undefined;
    if (next && hasMethod(next.logger, 'error')) return next;
    const fix = 'pass the result of a with function, such as withTimeout(1_000)';
    throw new TypeError(`${mismatch(caller, 'an option', option)}: ${fix}`);
  }, defaults);
}

function set(change: Partial<AggregateConfig>): AggregateOption {
  return (config) => Object.freeze({ ...config, ...change });
}

/**
 * Bounds each run to `ms` milliseconds from its subscription. After that the run errors with `DeadlineExceededError`.
 *
 * If the caller's `ctx.deadline` is sooner, it counts instead. Nested aggregates inherit the time that is left.
 *
 * ```text
 * profile   --p|
 * orders    ------------o|
 * run       ---------#        withTimeout(9)
 * ```
 *
 * @param ms - Milliseconds above 0 and below 2^31, or `Infinity` for no timeout.
 * @throws RangeError for any other number, because a timer would fire after 1 ms.
 * @defaultValue 30_000
 * @remarks Go's `context.WithTimeout` (https://pkg.go.dev/context#WithTimeout).
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate, background, withTimeout } from 'forkfast';
 *
 * const dashboard = aggregate({ orders: () => NEVER }, withTimeout(10));
 *
 * dashboard(background).subscribe({ error: (error) => console.log(error.name) }); // => DeadlineExceededError
 * ```
 */
export function withTimeout(ms: number): AggregateOption {
  if (typeof ms !== 'number' || !(ms > 0 && (ms < 2 ** 31 || ms === Infinity))) {
    throw new RangeError(
      `${mismatch('withTimeout', 'milliseconds above 0 and below 2^31', ms)}: pass 1_000 for a second, or Infinity for none`,
    );
  }
  return set({ timeout: ms });
}

/**
 * Logs each run to `logger`: its failure or its exceeded deadline once at `error`, a teardown that threw at `warn`, and all
 * other events at `debug`.
 *
 * **While you develop, pass `{ errors: 'full' }`.** By default a line shows the name and the code of an error that your code threw, and
 * hides its message and its stack, which may quote a request or a customer. `'full'` shows them.
 *
 * One failure is one line at `error`, that of the outermost run with a logger. A run inside another run that has a logger logs its
 * failure at `debug`, because the outer run reports the failure, or has handled it.
 *
 * Without this option nothing is logged. By default lines contain no query, header, body or credentials.
 *
 * @param logger - `winstonLogger()` from `forkfast/winston`, a winston logger, `console`, or any object with the methods
 * `debug`, `info`, `warn` and `error`. `silent` logs nothing.
 * @param config - `errors`: how much a line shows of an error. `fields`: returns fields for every line of a run, such as a request id.
 * @throws TypeError if the logger lacks a method, or if `config` has a wrong type.
 * @defaultValue `silent`
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, silent, withLogger } from 'forkfast';
 *
 * const logger = { ...silent, error: (message: string, fields: object) => console.log(message, 'user' in fields) };
 * const dashboard = aggregate(
 *   { profile: (_ctx, _id: number) => throwError(() => new Error('boom')) },
 *   withLogger(logger, { fields: (_ctx, id) => ({ user: id }) }),
 * );
 *
 * dashboard({}, 42).subscribe({ error: () => {} }); // => run failed true
 * ```
 */
export function withLogger(logger: Logger, config: LogConfig = {}): AggregateOption {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (!hasMethod(logger, level)) {
      throw new TypeError(
        `withLogger: expected a logger, got ${describeType(logger)} with no method ${level}(message, fields): pass console, for example`,
      );
    }
  }
  checkLogConfig(config);
  return set({ logger, log: Object.freeze({ ...config }) });
}

function checkLogConfig(config: unknown): void {
  if (typeof config !== 'object' || config === null) {
    const fix = "pass { errors: 'full' } or { fields: (ctx, input) => ({ ... }) }";
    throw new TypeError(`${mismatch('withLogger', 'an object', config)}: ${fix}`);
  }
  const { errors = 'safe', fields } = config as { readonly [K in keyof LogConfig]: unknown };
  if (errors !== 'safe' && errors !== 'full') {
    throw new TypeError(mismatch('withLogger: errors', "'safe' or 'full'", errors));
  }
  if (fields !== undefined && typeof fields !== 'function') {
    throw new TypeError(mismatch('withLogger: fields', 'a function', fields));
  }
}

/**
 * Sends the events of each run to `sink`, in addition to the sinks of earlier options.
 *
 * By default there is no sink. An error of a sink changes no outcome.
 *
 * @param sink - An object with `next(event)`, such as an RxJS `Subject`.
 * @throws TypeError if `sink` has no `next`.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background, withEvents } from 'forkfast';
 *
 * const dashboard = aggregate({ profile: () => of('Alice') }, withEvents({ next: (event) => console.log(event.type) }));
 *
 * dashboard(background).subscribe();
 * // => started
 * // => started
 * // => succeeded
 * // => succeeded
 * ```
 */
export function withEvents(sink: EventSink): AggregateOption {
  if (!hasMethod(sink, 'next')) {
    throw new TypeError(
      `withEvents: expected a sink with next(event), got ${describeType(sink)}: pass a Subject or { next }`,
    );
  }
  return (config) => Object.freeze({ ...config, sinks: Object.freeze([...config.sinks, sink]) });
}

/**
 * Lets at most `n` services of a run be in flight. The others are queued, and start in order as soon as one has completed.
 *
 * By default all services start at once.
 *
 * ```text
 * profile   --p|
 * orders      ----o|          starts when profile has completed
 * run       ------(r|)        withConcurrency(1)
 * ```
 *
 * @param n - A positive integer.
 * @throws RangeError for anything else.
 * @remarks Go's `errgroup.Group.SetLimit` (https://pkg.go.dev/golang.org/x/sync/errgroup#Group.SetLimit).
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background, withConcurrency } from 'forkfast';
 *
 * const both = aggregate([() => of('first'), () => of('second')], withConcurrency(1));
 *
 * both(background).subscribe(console.log); // => [ 'first', 'second' ]
 * ```
 */
export function withConcurrency(n: number): AggregateOption {
  assertPositiveInteger('withConcurrency: n', n);
  return set({ concurrency: n });
}

/**
 * Names the aggregate in its events and log lines.
 *
 * @defaultValue `'aggregate'`
 * @throws TypeError if `name` is not a string, or empty.
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
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(mismatch('withName', 'a string that is not empty', name));
  }
  return set({ name });
}

/**
 * Sets the transport of a run's services. A caller's `ctx.fetch` wins.
 *
 * By default `fetchJson` and `fetchText` use `globalThis.fetch`.
 *
 * @throws TypeError if `fetch` is not a function.
 *
 * @example
 * ```ts
 * import { aggregate, background, fetchText, withFetch } from 'forkfast';
 *
 * const fetch = async () => new Response('Alice');
 * const page = aggregate({ name: (ctx) => fetchText(ctx, 'http://api.test/name') }, withFetch(fetch));
 *
 * page(background).subscribe(console.log); // => { name: 'Alice' }
 * ```
 */
export function withFetch(fetch: Fetch): AggregateOption {
  if (typeof fetch !== 'function') throw new TypeError(mismatch('withFetch', 'a function like fetch', fetch));
  return set({ fetch });
}

/**
 * Sends the time that is left until the deadline with each request of `fetchJson` and `fetchText` inside a run, so that the upstream
 * can stop in time. The time is computed when the request is sent: a retry and a hedge send less.
 *
 * Nested aggregates inherit the option. A request without a deadline has no such header, and neither has a request outside of the
 * run, such as that of `singleFlight`. A header of `init.headers` with the same name wins; one of `ctx.propagate` does not.
 *
 * @param name - `grpc-timeout` is sent in its own notation: at most 8 digits and the finest unit that fits, `100u` or `30000000u`. Any
 * other name is sent as an integer of milliseconds, from 1 to 9,999,999,999.
 * @throws TypeError if `name` is not the name of a header that `fetch` can send.
 * @defaultValue `'grpc-timeout'`. Without the option no time is sent.
 * @remarks `contextOf` of `forkfast/server` reads the header. The notation is that of gRPC
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md); the idea is Go's, where a context crosses the wire.
 *
 * @example
 * ```ts
 * import { aggregate, background, type Fetch, fetchText, withDeadlineHeader, withFetch, withTimeout } from 'forkfast';
 *
 * const fetch: Fetch = async (_url, { headers }) => new Response(new Headers(headers).get('x-request-timeout-ms'));
 * const options = [withTimeout(60_000), withDeadlineHeader('x-request-timeout-ms'), withFetch(fetch)];
 * const page = aggregate({ left: (ctx) => fetchText(ctx, 'http://api.test/left') }, ...options);
 *
 * page(background).subscribe(({ left }) => console.log(Number(left) > 59_000)); // => true
 * ```
 */
export function withDeadlineHeader(name = 'grpc-timeout'): AggregateOption {
  const deadlineHeader = isToken(name) ? name.toLowerCase() : undefined;
  if (deadlineHeader === undefined || connectionHeaders.has(deadlineHeader) || deadlineHeader === 'content-length') {
    throw new TypeError(
      `${mismatch('withDeadlineHeader', 'the name of a header that fetch can send', name)}: pass 'grpc-timeout', for example`,
    );
  }
  return set({ deadlineHeader });
}
