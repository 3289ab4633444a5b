import type { EventSink, RunEvent } from '../observe/events.ts';

/** What {@link recordEvents} makes. */
export interface RecordedEvents extends EventSink {
  /** All events so far, in order. */
  readonly events: readonly RunEvent[];
  /** The same in few words: `started`, `started profile`, `failed profile`, `failed`. */
  readonly brief: () => string[];
}

/**
 * A sink that keeps the events it is told, for `withEvents`.
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
