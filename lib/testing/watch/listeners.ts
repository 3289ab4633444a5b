import { ours, type Watched } from './watched.ts';

/** Listeners on a signal that has not aborted: those of one that has are done with. */
export function watchListeners(signal: AbortSignal): Watched {
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const listeners = new Set<unknown>();
  signal.addEventListener = (type: string, listener: unknown, options?: boolean | AddEventListenerOptions) => {
    add(type, listener as EventListener, options);
    if (type !== 'abort') return;
    listeners.add(listener);
    // Node goes through removeEventListener here, browsers do not.
    const until = typeof options === 'object' ? options.signal : undefined;
    until?.addEventListener('abort', () => listeners.delete(listener), { once: true });
  };
  signal.removeEventListener = (type: string, listener: unknown, options?: boolean | EventListenerOptions) => {
    remove(type, listener as EventListener, options);
    listeners.delete(listener);
  };
  const leak = {
    what: 'a listener on ctx.signal',
    fix: `Remove it in the teardown, ${ours}.`,
  };
  return {
    leaks: () => (signal.aborted || (listeners.size === 0 && signal.onabort === null) ? [] : [leak]),
  };
}
