import { asyncScheduler } from 'rxjs';
import { ignoreRejection } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import type { ReportType, RunHandle } from '../core/run-handle.ts';
import { shortName } from '../errors/foreign.ts';
import { serialize } from '../errors/forkfast-error.ts';

/** The fields that every event has. */
export interface EventFields {
  /** The number of the run, an integer. It tells concurrent runs apart. */
  readonly run: number;
  /**
   * The `run`, an integer, in which this run was started. `service` is present if the run was started while that service was
   * being called or subscribed to.
   */
  readonly parent?: { readonly run: number; readonly service?: string };
  /** The name of the aggregate: see `withName`. */
  readonly name: string;
  /** The service that the event reports on. Absent if the event reports on the run itself. */
  readonly service?: string;
  /**
   * The number of requests that the service has sent again, because a `retry` or a `hedge` subscribed to `fetchJson` or
   * another request again, or because of `reconnect`. Absent if there was none, and in `teardown-failed`. A function that calls
   * `fetchJson` again makes another request.
   */
  readonly resends?: number;
  /** The time of the event in epoch milliseconds, on the clock of RxJS's `asyncScheduler`. */
  readonly at: number;
  /** The time since the run started, in milliseconds. Never negative. */
  readonly elapsed: number;
  /** The context that the caller passed. It is not enumerable, so that printing an event does not print `ctx.propagate`. */
  readonly ctx: Context;
}

/**
 * An event that a run reports on itself or on one of its services: a union discriminated by `type`.
 *
 * A run reports `started`, and at last `succeeded`, `failed` with the error that its subscriber receives, or `canceled`.
 * In between, each service that was started reports `started`, and then `succeeded`, `failed` with the service's own
 * error, or `canceled`. If an optional service fails, the event has `optional`, and the run goes on. A run that ends before it
 * calls a service reports `started` and its end. `teardown-failed` reports an error that a teardown threw. It changes no outcome.
 *
 * `stale` reports that `lastGood` answers in place of a service: with the service's `error`, and the `age` of the answer.
 * `store-failed` reports an error of its store. It changes no outcome, and may follow the end of the run.
 *
 * `reconnecting` reports that `fetchEvents` with `reconnect` has failed with `error`, and will connect again. A stream that ends does
 * not fail.
 *
 * `JSON.stringify(event)` contains as much of an error as a log line does, and cuts names at 200 characters.
 *
 * @example
 * ```ts
 * import { of, Subject } from 'rxjs';
 * import { aggregate, background, type RunEvent, withEvents, withName } from 'forkfast';
 *
 * const events = new Subject<RunEvent>();
 * events.subscribe((event) => console.log(event.type, event.service ?? event.name));
 * aggregate({ profile: () => of('Alice') }, withEvents(events), withName('dashboard'))(background).subscribe();
 * // => started dashboard
 * // => started profile
 * // => succeeded profile
 * // => succeeded dashboard
 * ```
 */
export type RunEvent =
  | (EventFields & { readonly type: 'started' | 'succeeded' })
  | (EventFields & { readonly type: 'teardown-failed' | 'store-failed' | 'reconnecting'; readonly error: unknown })
  | (EventFields & {
      readonly type: 'failed';
      readonly error: unknown;
      /** Present if the service is optional: see `optional`. The run goes on. */
      readonly optional?: true;
    })
  | (EventFields & {
      readonly type: 'stale';
      /** The error of the service, or a `DeadlineExceededError`. */
      readonly error: unknown;
      /** Milliseconds since the service gave the answer. */
      readonly age: number;
    })
  | (EventFields & { readonly type: 'canceled'; readonly error?: unknown });

/** Receives the events of runs: an RxJS `Subject`, or any other observer. */
export interface EventSink {
  /** Called with each event, before the subscriber is notified. Its return value and its errors are ignored. */
  next(event: RunEvent): unknown;
  /**
   * Runs the work that follows an event, for example inside an active span. Called after `next`, for two kinds of event:
   *
   * - `started` of a service: `proceed` calls the service and subscribes to it.
   * - the end of a run: `proceed` notifies the subscriber.
   *
   * Call `proceed` synchronously. Whatever `around` does, the work is done once.
   */
  around?(event: RunEvent, proceed: () => void): void;
}

/** The fields of some events. */
export interface EventDetails {
  readonly error: unknown;
  readonly optional?: true;
  readonly age?: number;
}

/** Reports an event of `service`, or of the run itself, and then calls `proceed`. */
export type Emit = (type: RunEvent['type'], service?: string, failure?: EventDetails, proceed?: () => void) => void;

/** The fields of a run that each of its events has. */
interface RunIdentity {
  readonly handle: RunHandle;
  readonly name: string;
  readonly ctx: Context;
}

/**
 * Sends the events of a run to `sinks`.
 *
 * @param failuresOnly - Skips all events that are not logged above `debug`: building an event has a cost.
 */
export function emitter(
  sinks: readonly EventSink[],
  { handle, name, ctx }: RunIdentity,
  startedAt: number,
  failuresOnly: boolean,
): Emit {
  const { run, parent: outer } = handle;
  const outerService = outer?.currentService;
  const parent = outer && { run: outer.run, ...(outerService !== undefined && { service: outerService }) };
  return (type, service, failure, proceed) => {
    if (failuresOnly && levelOf(handle, { type, service, ...failure }) === 'debug') {
      proceed?.();
      return;
    }
    const at = asyncScheduler.now();
    const resends = service === undefined || type === 'teardown-failed' ? undefined : handle.resends?.get(service);
    const event = {
      type,
      run,
      ...(parent && { parent }),
      name,
      ...(service !== undefined && { service }),
      ...(resends !== undefined && { resends }),
      at,
      elapsed: Math.max(0, at - startedAt), // the wall clock may jump back
      ...failure,
    };
    // Errors of HTTP clients hold the whole request in fields that `JSON.stringify` prints.
    const toJSON = (): object => ({
      ...withShortNames(event),
      ...(parent && { parent: withShortNames(parent) }),
      ...(failure && { error: serialize(failure.error) }),
    });
    Object.defineProperties(event, { ctx: { value: ctx }, toJSON: { value: toJSON } });
    dispatch(sinks, event as RunEvent & typeof event, proceed);
  };
}

const reports: readonly string[] = ['teardown-failed', 'stale', 'store-failed', 'reconnecting'] satisfies ReportType[];

/** Whether an event reports something that neither starts nor ends a run or a service. */
export function isReport(type: RunEvent['type']): boolean {
  return reports.includes(type);
}

/** The level at which the event of a run is logged. */
export function levelOf(
  run: RunHandle,
  event: { readonly type: RunEvent['type']; readonly service?: string | undefined; readonly optional?: true },
): 'debug' | 'warn' | 'error' {
  const { type, service, optional = false } = event;
  if (isReport(type) || optional) return 'warn';
  if (type !== 'failed' || service !== undefined) return 'debug';
  return isLoggedAround(run) ? 'debug' : 'error';
}

/**
 * Whether a run around this one has a logger. Its service receives the failure of this run: the outer run reports the failure, or
 * the service handles it. An outer run that has ended reports nothing any more.
 */
function isLoggedAround({ parent }: RunHandle): boolean {
  for (let run = parent; run?.ended === false; run = run.parent) if (run.hasLogger) return true;
  return false;
}

/** A copy of `fields` for a line, which has a bound although a name may be of any length. */
export function withShortNames<T extends { readonly name?: string; readonly service?: string | undefined }>(
  fields: T,
): T {
  const { name, service } = fields;
  return {
    ...fields,
    ...(name !== undefined && { name: shortName(name) }),
    ...(service !== undefined && { service: shortName(service) }),
  };
}

/** Calls `next` of all sinks, and then `proceed` inside `around` of all sinks, the last sink outermost. */
function dispatch(sinks: readonly EventSink[], event: RunEvent, proceed: (() => void) | undefined): void {
  for (const sink of sinks) ignoreErrors(() => sink.next(event));
  if (!proceed) return;
  const work = sinks.reduce<() => void>((inner, sink) => {
    const innerOnce = once(inner);
    return () => {
      ignoreErrors(() => sink.around?.(event, innerOnce));
      innerOnce();
    };
  }, proceed);
  work();
}

function once(action: () => void): () => void {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    action();
  };
}

/** An error in a sink must not change the outcome of the run. */
function ignoreErrors(action: () => unknown): void {
  try {
    ignoreRejection(action());
  } catch {
    // ignored
  }
}
