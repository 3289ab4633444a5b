import type { RunEvent } from '../events.ts';

/** A run in flight and its services in flight, with what is kept of each. */
export interface Opened<T> {
  readonly own: T;
  readonly services: Map<string, T>;
}

/**
 * Pairs each start with its end, and keeps nothing of what has ended.
 *
 * A sink that ends the run while it is told of a start or an end leaves the sinks behind it with the run's end first: what is
 * then still open ends with the run, and what comes after it is dropped.
 */
export function intervals<T>(
  runs: Map<number, Opened<T>>,
  open: (event: RunEvent, run?: T) => T,
  close: (opened: T, event: RunEvent) => void,
): (event: RunEvent) => void {
  return (event) => {
    const { type, run: id, service } = event;
    if (type === 'teardown-failed') return;
    if (type === 'started' && service === undefined) {
      runs.set(id, { own: open(event), services: new Map() });
      return;
    }
    const run = runs.get(id);
    if (!run) return;
    if (service === undefined) {
      runs.delete(id);
      for (const [left, opened] of run.services) close(opened, { ...event, type: 'canceled', service: left });
      close(run.own, event);
    } else if (type === 'started') {
      run.services.set(service, open(event, run.own));
    } else {
      const opened = run.services.get(service);
      run.services.delete(service);
      if (opened !== undefined) close(opened, event);
    }
  };
}
