import { config, throwError } from 'rxjs';
import { ignoreRejection } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import type { AggregateConfig } from '../core/options.ts';
import type { RunHandle } from '../core/run-handle.ts';
import { DeadlineExceededError } from '../errors/deadline-exceeded-error.ts';
import { read } from '../errors/foreign.ts';
import { serialize } from '../errors/forkfast-error.ts';
import { ServiceError } from '../errors/service-error.ts';
import { type Emit, emitter, type EventSink, isReport, levelOf, type RunEvent, withShortNames } from './events.ts';
import { serializeFull } from './full-error.ts';

/**
 * A structured logger: its methods receive a constant message, and the data as fields. winston's loggers and `console` fit.
 *
 * `isLevelEnabled` is optional. A run calls it once, to skip its `debug` lines. Errors that a logger throws, and what it
 * returns, are ignored. pino does not fit as it is: its methods take the fields first.
 *
 * @remarks The shape follows Go's `log/slog` (https://pkg.go.dev/log/slog).
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, background, type Logger, withLogger } from 'forkfast';
 *
 * const logger: Logger = {
 *   debug: () => {},
 *   info: () => {},
 *   warn: () => {},
 *   error: (message, fields) => console.log(message, fields['service']),
 * };
 * const dashboard = aggregate({ profile: () => throwError(() => new Error('boom')) }, withLogger(logger));
 *
 * dashboard(background).subscribe({ error: () => {} }); // => run failed profile
 * ```
 */
export interface Logger {
  debug(message: string, fields: Record<string, unknown>): unknown;
  info(message: string, fields: Record<string, unknown>): unknown;
  warn(message: string, fields: Record<string, unknown>): unknown;
  error(message: string, fields: Record<string, unknown>): unknown;
  isLevelEnabled?(level: string): boolean;
}

const noop = (): undefined => undefined;

/**
 * A logger that writes nothing: `withLogger(silent)` removes the logger of an option before it.
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, background, silent, withLogger } from 'forkfast';
 *
 * const defaults = [withLogger(console)];
 * const dashboard = aggregate({ profile: () => throwError(() => new Error('boom')) }, ...defaults, withLogger(silent));
 *
 * dashboard(background).subscribe({ error: (error) => console.log(error.message) }); // => profile: boom
 * ```
 */
export const silent: Logger = Object.freeze({ debug: noop, info: noop, warn: noop, error: noop });

/**
 * Returns fields for every log line of a run, such as a request id.
 *
 * A run calls it once, when its first line is due. The built-in fields override the returned ones. `message`, `level`,
 * `timestamp` and `exception`, which winston reserves, get a `_` at the end.
 *
 * Names and errors in a line have a bound. The returned fields are the caller's: they are passed to the logger as they are.
 *
 * It is declared as a method, so its parameters may be narrower: a context with more fields, the input of the services.
 */
export type LogFields = { fields(ctx: Context, input: unknown): object }['fields'];

/** How the lines of {@link withLogger} are filled. */
export interface LogConfig {
  /**
   * How much a line shows of an error.
   *
   * - `'safe'`: the fields of forkfast's own errors, and the name and the code of all others. No line quotes a URL's query, a header, a
   *   body or credentials.
   * - `'full'`, for development: also `error.message` and `error.stack`, a text with the stack of the error and of its causes. They
   *   quote whatever the code that threw them has put in. Fields of errors, such as `HttpError.body`, are not shown.
   *
   * @defaultValue `'safe'`
   */
  readonly errors?: 'safe' | 'full' | undefined;
  /** Returns fields for every line of a run, from the run's context and input. */
  readonly fields?: LogFields | undefined;
}

/** Returns the function through which a run reports its events to its sinks and its logger. */
export function eventsOf(
  { sinks, logger, log, name }: AggregateConfig,
  handle: RunHandle,
  ctx: Context,
  input: unknown,
  startedAt: number,
): Emit {
  const identity = { handle, name, ctx };
  if (handle.hasLogger) {
    const debug = isDebugEnabled(logger);
    const lines: Lines = {
      handle,
      logger,
      debug,
      serialize: log.errors === 'full' ? serializeFull : serialize,
    };
    const sink = logSink(lines, callerFields(log.fields, lines, ctx, input));
    return emitter([...sinks, sink], identity, startedAt, !debug && sinks.length === 0);
  }
  return sinks.length > 0 ? emitter(sinks, identity, startedAt, false) : unobserved;
}

/**
 * For a run without a logger and sinks: builds no events. An error that a teardown throws goes to RxJS's `onUnhandledError`.
 * Without that handler the error is dropped, because RxJS would throw it asynchronously, which ends a Node process.
 */
const unobserved: Emit = (type, _service, failure, proceed) => {
  if (type === 'teardown-failed' && config.onUnhandledError) throwError(() => failure?.error).subscribe();
  proceed?.();
};

function isDebugEnabled(logger: Logger): boolean {
  try {
    const enabled: unknown = logger.isLevelEnabled?.('debug') ?? true;
    ignoreRejection(enabled); // an async function, by mistake
    return Boolean(enabled);
  } catch {
    return true;
  }
}

/** How the lines of one run are written. */
interface Lines {
  readonly handle: RunHandle;
  readonly logger: Logger;
  readonly debug: boolean;
  readonly serialize: (error: unknown) => object;
}

function logSink(lines: Lines, fieldsOfCaller: () => Record<string, unknown> | undefined): EventSink {
  const { handle, logger, debug } = lines;
  return {
    next: (event) => {
      const level = levelOf(handle, event);
      if (level === 'debug' && !debug) return undefined;
      return logger[level](messageOf(event), { ...fieldsOfCaller(), ...fieldsOf(event, lines) });
    },
  };
}

/** winston appends a field `message` to the message, and drops a line with a field `exception`. */
const reservedFields = /^(?:message|level|timestamp|exception|__proto__)$/;

/** Calls `fields` when the first line is due, and keeps the result. */
function callerFields(
  fields: LogFields | undefined,
  lines: Lines,
  ctx: Context,
  input: unknown,
): () => Record<string, unknown> | undefined {
  if (fields === undefined) return noop;
  let result: Record<string, unknown> | undefined;
  return () => (result ??= safeFields(() => fields(ctx, input), lines));
}

function safeFields(fields: () => object, { serialize }: Lines): Record<string, unknown> {
  try {
    const result = fields();
    ignoreRejection(result); // an async function, by mistake
    return Object.fromEntries(
      Object.entries(result).map(([key, value]) => [reservedFields.test(key) ? `${key}_` : key, value]),
    );
  } catch (error) {
    return { fieldsError: serialize(error) };
  }
}

function messageOf(event: RunEvent): string {
  if (event.type === 'stale') return 'stale answer';
  if (isReport(event.type)) return event.type.replace('-', ' ');
  if (event.service !== undefined) return `service ${event.type}`;
  const late = event.type === 'failed' && event.error instanceof DeadlineExceededError;
  return late ? 'deadline exceeded' : `run ${event.type}`;
}

function fieldsOf(event: RunEvent, { serialize }: Lines): Record<string, unknown> {
  const { run, name, service = failedService(event), elapsed } = event;
  return withShortNames({
    run,
    name,
    ...(service !== undefined && { service }),
    ...(event.type !== 'started' && { elapsed }),
    ...(event.type === 'stale' && { age: event.age }),
    ...('error' in event && { error: serialize(event.error) }),
  });
}

/** The service that made the run fail. */
function failedService(event: RunEvent): string | undefined {
  if (!('error' in event && event.error instanceof ServiceError)) return undefined;
  const service = read(event.error, 'service');
  return typeof service === 'string' ? service : undefined;
}
