import { NEVER, Observable, type Subscriber } from 'rxjs';

/** All who listen to one signal, behind its only DOM listener. */
interface Hub {
  readonly listeners: Set<Subscriber<unknown>>;
  readonly close: () => void;
}

const hubs = new WeakMap<AbortSignal, Hub>();

/**
 * Emits the signal's `reason` and completes when it aborts; at once where it has aborted already.
 *
 * However many listen, the signal has one DOM listener, and none when the last of them has gone. Not `AbortSignal.any`,
 * which has leaked on long-lived signals: https://github.com/nodejs/node/issues/54614.
 */
export function aborted(signal: AbortSignal | undefined): Observable<unknown> {
  if (signal === undefined) return NEVER;
  return new Observable((subscriber) => {
    if (signal.aborted) {
      tell(subscriber, signal);
      return;
    }
    const hub = hubs.get(signal) ?? open(signal);
    hub.listeners.add(subscriber);
    subscriber.add(() => {
      hub.listeners.delete(subscriber);
      if (hub.listeners.size === 0) hub.close();
    });
  });
}

function tell(subscriber: Subscriber<unknown>, signal: AbortSignal): void {
  subscriber.next(signal.reason);
  subscriber.complete();
}

function open(signal: AbortSignal): Hub {
  const listeners = new Set<Subscriber<unknown>>();
  const onAbort = (): void => {
    // A listener that leaves while the others are told is not told: its run is over.
    for (const subscriber of listeners) tell(subscriber, signal);
  };
  const close = (): void => {
    hubs.delete(signal);
    signal.removeEventListener('abort', onAbort);
  };
  const hub = { listeners, close };
  hubs.set(signal, hub);
  signal.addEventListener('abort', onAbort, { once: true });
  return hub;
}
