import { asyncScheduler } from 'rxjs';
import type { Context } from './context.ts';
import { serialize } from './errors.ts';

/** What all events have. */
export interface EventFields {
  /** Tells concurrent runs apart. */
  readonly run: number;
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
  next(event: RunEvent): void;
}

/** Tells of a service, or of the run itself where `service` is absent. */
export type Emit = (type: RunEvent['type'], service?: string, failure?: { readonly error: unknown }) => void;

let runs = 0;

/** `verbose`: whether anybody wants more than the run's failure and teardowns that threw. */
export function emitter(
  sinks: readonly EventSink[],
  name: string,
  ctx: Context,
  startedAt: number,
  verbose: boolean = sinks.length > 0,
): Emit {
  const run = ++runs;
  return (type, service, failure) => {
    if (!verbose && type !== 'teardown-failed' && (type !== 'failed' || service !== undefined)) return;
    const at = asyncScheduler.now();
    const elapsed = Math.max(0, at - startedAt);
    const event = { type, run, name, ...(service === undefined ? {} : { service }), at, elapsed, ...failure };
    // What libraries throw may hold the whole request, for JSON to print.
    const toJSON = (): object => ({ ...event, ...(failure && { error: serialize(failure.error) }) });
    Object.defineProperties(event, { ctx: { value: ctx }, toJSON: { value: toJSON } });
    for (const sink of sinks) {
      try {
        sink.next(event as RunEvent & typeof event);
      } catch {
        // Whoever watches is no part of the outcome.
      }
    }
  };
}
