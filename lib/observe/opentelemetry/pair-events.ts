import { isReport, type RunEvent } from '../events.ts';

/** A run in flight and its services in flight, each with the state that is kept of it. */
export interface OpenRun<T> {
  readonly own: T;
  readonly services: Map<string, T>;
}

/**
 * Calls `open` with each start, and `close` with the matching end and the state that `open` returned. Keeps nothing of
 * runs that have ended.
 *
 * If a sink ends the run while it receives an event, then the sinks behind it receive the end of the run first, and that
 * event afterwards. So services that are still open close with their run, and events after the end are dropped.
 */
export function pairEvents<T>(
  runs: Map<number, OpenRun<T>>,
  open: (event: RunEvent, run?: T) => T,
  close: (state: T, event: RunEvent) => void,
): (event: RunEvent) => void {
  return (event) => {
    const { type, run: id, service } = event;
    if (isReport(type)) return;
    if (type === 'started' && service === undefined) {
      runs.set(id, { own: open(event), services: new Map() });
      return;
    }
    const run = runs.get(id);
    if (!run) return;
    if (service === undefined) {
      runs.delete(id);
      for (const [name, state] of run.services) close(state, { ...event, type: 'canceled', service: name });
      close(run.own, event);
    } else if (type === 'started') {
      run.services.set(service, open(event, run.own));
    } else {
      const state = run.services.get(service);
      run.services.delete(service);
      if (state !== undefined) close(state, event);
    }
  };
}
