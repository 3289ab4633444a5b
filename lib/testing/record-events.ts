import type { EventSink, RunEvent } from '../index.ts';

/** A sink that keeps its events: the result of {@link recordEvents}. */
export interface RecordedEvents extends EventSink {
  /** All events so far, in order. */
  readonly events: readonly RunEvent[];
  /** Returns the type of each event, with its service if it has one: `started`, `started profile`, `failed profile`, `failed`. */
  readonly brief: () => string[];
}

/**
 * Makes a sink for `withEvents` that keeps the events it receives.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background, withEvents } from 'forkfast';
 * import { recordEvents } from 'forkfast/testing';
 *
 * const recorded = recordEvents();
 * aggregate({ profile: () => of('Alice') }, withEvents(recorded))(background).subscribe();
 *
 * console.log(recorded.brief().join(', ')); // => started, started profile, succeeded profile, succeeded
 * ```
 */
export function recordEvents(): RecordedEvents {
  const events: RunEvent[] = [];
  return {
    events,
    brief: () => events.map(({ type, service }) => (service === undefined ? type : `${type} ${service}`)),
    next: (event) => {
      events.push(event);
    },
  };
}
