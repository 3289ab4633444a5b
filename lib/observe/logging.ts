import { config, throwError } from 'rxjs';
import type { Context } from '../core/context.ts';
import type { AggregateConfig } from '../core/options.ts';
import type { RunHandle } from '../core/run-handle.ts';
import { DeadlineExceededError } from '../errors/deadline-exceeded-error.ts';
import { serialize } from '../errors/forkfast-error.ts';
import { ServiceError } from '../errors/service-error.ts';
import { type Emit, emitter, type EventSink, type RunEvent } from './events.ts';
import { ignoreRejection } from '../core/assert.ts';

/**
 * A structured logger: constant messages, data in fields. winston's loggers and `console` fit as they are.
 *
 * Where `isLevelEnabled` is there, it is asked once a run whether `debug` lines are wanted. What a logger throws, returns or
 * rejects with is ignored. pino takes the fields first: hand them over.
 *
 * @remarks A port in the shape of Go's `log/slog` (https://pkg.go.dev/log/slog).
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
 * const ask = aggregate({ profile: () => throwError(() => new Error('boom')) }, withLogger(logger));
 *
 * ask(background).subscribe({ error: () => {} }); // => run failed profile
 * ```
 */
export interface Logger {
  debug(message: string, fields: Record<string, unknown>): unknown;
  info(message: string, fields: Record<string, unknown>): unknown;
  warn(message: string, fields: Record<string, unknown>): unknown;
  error(message: string, fields: Record<string, unknown>): unknown;
  isLevelEnabled?(level: string): boolean;
}

const nothing = (): undefined => undefined;

/**
 * The logger that writes nothing: `withLogger(silent)`.
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
export const silent: Logger = Object.freeze({ debug: nothing, info: nothing, warn: nothing, error: nothing });

/**
 * Fields of the caller's for every line of a run, such as a request id. Not called before the first line is due. What winston
 * takes for its own (`message`, `level`, `timestamp`, `exception`) gets a `_` at its end.
 *
 * Written as a method so that one may ask for a wider context, or for the input that the services take.
 */
export type LogFields = { fields(ctx: Context, input: unknown): object }['fields'];

/** Whether lines at `debug` are wanted; `true` where the logger cannot tell. */
export function isDebugEnabled(logger: Logger): boolean {
  try {
    return logger.isLevelEnabled?.('debug') ?? true;
  } catch {
    return true;
  }
}

/** A run's events as lines: its failure at `error`, a teardown that threw at `warn`, all else at `debug`. */
export function logSink(logger: Logger, debug: boolean, more: () => Record<string, unknown> | undefined): EventSink {
  return {
    next: (event) => {
      const level = levelOf(event);
      if (level === 'debug' && !debug) return undefined;
      return logger[level](messageOf(event), { ...more(), ...fieldsOf(event) });
    },
  };
}

/** What winston takes for its own in a line: it appends a `message` to ours, and drops the line of an `exception`. */
const reservedFields = /^(?:message|level|timestamp|exception|__proto__)$/;

/** The caller's fields, asked for when the first line is due. */
export function callerFields(
  fields: LogFields | undefined,
  ctx: Context,
  input: unknown,
): () => Record<string, unknown> | undefined {
  if (fields === undefined) return nothing;
  let known: Record<string, unknown> | undefined;
  return () => (known ??= guarded(() => fields(ctx, input)));
}

function guarded(fields: () => object): Record<string, unknown> {
  try {
    const given = fields();
    ignoreRejection(given);
    return Object.fromEntries(
      Object.entries(given).map(([key, value]) => [reservedFields.test(key) ? `${key}_` : key, value]),
    );
  } catch (error) {
    return { fieldsFailed: serialize(error) };
  }
}

function levelOf({ type, service }: RunEvent): 'debug' | 'warn' | 'error' {
  if (type === 'teardown-failed') return 'warn';
  return type === 'failed' && service === undefined ? 'error' : 'debug';
}

function messageOf(event: RunEvent): string {
  if (event.type === 'teardown-failed') return 'teardown failed';
  if (event.service !== undefined) return `service ${event.type}`;
  const late = event.type === 'failed' && event.error instanceof DeadlineExceededError;
  return late ? 'deadline exceeded' : `run ${event.type}`;
}

function fieldsOf(event: RunEvent): Record<string, unknown> {
  const { run, name, service, elapsed } = event;
  const fields: Record<string, unknown> = { run, name };
  const culprit =
    service ?? ('error' in event && event.error instanceof ServiceError ? event.error.service : undefined);
  if (culprit !== undefined) fields['service'] = culprit;
  if (event.type !== 'started') fields['elapsed'] = elapsed;
  if ('error' in event) fields['error'] = serialize(event.error);
  return fields;
}

/** Sends the events of a run to its sinks and its logger. Where there is none of them, no event is built. */
export function eventsOf(
  { sinks, logger, fields, name }: AggregateConfig,
  { run, parent }: RunHandle,
  ctx: Context,
  input: unknown,
  startedAt: number,
): Emit {
  const identity = { run, name, ctx, parent };
  if (logger !== silent) {
    const debug = isDebugEnabled(logger);
    const log = logSink(logger, debug, callerFields(fields, ctx, input));
    return emitter([...sinks, log], identity, startedAt, debug || sinks.length > 0);
  }
  return sinks.length > 0 ? emitter(sinks, identity, startedAt) : unobserved;
}

/** Nobody sees a teardown that failed: RxJS's handler does, if there is one. Without one, RxJS would end a Node process. */
const unobserved: Emit = (type, _service, failure, proceed) => {
  if (type === 'teardown-failed' && config.onUnhandledError) throwError(() => failure?.error).subscribe();
  proceed?.();
};
