import { asyncScheduler } from 'rxjs';
import type { Context } from '../core/context.ts';
import { serialize } from '../errors/forkfast-error.ts';
import type { RunHandle } from '../core/run-handle.ts';
import { ignoreRejection } from '../core/assert.ts';

/** What all events have. */
export interface EventFields {
  /** An integer, which tells concurrent runs apart. */
  readonly run: number;
  /** The `run`, an integer, that this one was asked in, and the `service`, where it was asked while that service subscribed. */
  readonly parent?: { readonly run: number; readonly service?: string };
  /** The name of the aggregate (see `withName`). */
  readonly name: string;
  /** The service that the event is of; absent where it is of the run itself. */
  readonly service?: string;
  /** When, in epoch milliseconds on the clock of RxJS's `asyncScheduler`. */
  readonly at: number;
  /** Milliseconds since the run started. */
  readonly elapsed: number;
  /** The context the run was asked on. Not enumerable: printing an event does not print what is propagated. */
  readonly ctx: Context;
}

/**
 * What a run tells of itself and of each of its services: a union discriminated by `type`.
 *
 * A run emits `started`, then `started` of each service with what became of it (`succeeded`, `failed` with the raw
 * error, or `canceled`), and at last its own `succeeded`, `failed` or `canceled`. A run that is refused at once emits
 * `started` and its end. `teardown-failed` reports a teardown that threw, which changes nothing else. As JSON, an event holds
 * of an error what a log does.
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
  | (EventFields & { readonly type: 'failed' | 'teardown-failed'; readonly error: unknown })
  | (EventFields & { readonly type: 'canceled'; readonly error?: unknown });

/** Where events go: an RxJS `Subject` fits, and so does any observer. What it throws is ignored. */
export interface EventSink {
  /** What it throws, returns or rejects with is let be. */
  next(event: RunEvent): unknown;
  /**
   * Does what follows from an event inside whatever this puts around it; called after `next`. It must call `proceed`
   * synchronously, and whatever it does, `proceed` is done once.
   *
   * What follows from the `started` of a service is that it is asked and subscribed to, and from the end of a run that its
   * subscriber is notified. A tracer makes a span the active one here.
   */
  around?(event: RunEvent, proceed: () => void): void;
}

/** Tells of a service, or of the run itself where `service` is absent, and then does what follows from it. */
export type Emit = (
  type: RunEvent['type'],
  service?: string,
  failure?: { readonly error: unknown },
  proceed?: () => void,
) => void;

/** Whose events they are. */
export interface RunIdentity {
  readonly run: number;
  readonly name: string;
  readonly ctx: Context;
  readonly parent: RunHandle | undefined;
}

/** `verbose`: whether anybody wants more than the run's failure and teardowns that threw. */
export function emitter(
  sinks: readonly EventSink[],
  { run, name, ctx, parent: around }: RunIdentity,
  startedAt: number,
  verbose = true,
): Emit {
  const service = around?.currentService;
  const parent = around && { run: around.run, ...(service === undefined ? {} : { service }) };
  return (type, service, failure, proceed) => {
    if (!verbose && type !== 'teardown-failed' && (type !== 'failed' || service !== undefined)) {
      proceed?.();
      return;
    }
    const at = asyncScheduler.now();
    const elapsed = Math.max(0, at - startedAt);
    const whose = { ...(parent && { parent }), name, ...(service === undefined ? {} : { service }) };
    const event = { type, run, ...whose, at, elapsed, ...failure };
    // What libraries throw may hold the whole request, for JSON to print.
    const toJSON = (): object => ({ ...event, ...(failure && { error: serialize(failure.error) }) });
    Object.defineProperties(event, { ctx: { value: ctx }, toJSON: { value: toJSON } });
    const told = event as RunEvent & typeof event;
    for (const sink of sinks) {
      guarded(() => sink.next(told));
    }
    if (proceed) within(sinks, told, proceed);
  };
}

/** Whoever watches is no part of the outcome: what it throws is dropped, and what must happen happens once. */
function within(sinks: readonly EventSink[], event: RunEvent, proceed: () => void): void {
  const once = sinks.reduce<() => void>((inner, sink) => {
    if (!sink.around) return inner;
    let done = false;
    const first = (): void => {
      if (done) return;
      done = true;
      inner();
    };
    return () => {
      guarded(() => sink.around?.(event, first));
      first();
    };
  }, proceed);
  once();
}

function guarded(watch: () => unknown): void {
  try {
    ignoreRejection(watch());
  } catch {
    // See within.
  }
}
