import { OR_USE_OURS, type Watcher } from './leak.ts';

/** Watches the listeners on a signal. An aborted signal releases its listeners, so they do not leak. */
export function watchListeners(signal: AbortSignal): Watcher {
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const listeners = new Set<unknown>();
  signal.addEventListener = (type: string, listener: unknown, options?: boolean | AddEventListenerOptions) => {
    add(type, listener as EventListener, options);
    if (type !== 'abort') return;
    listeners.add(listener);
    // To remove such a listener, Node calls removeEventListener. Browsers do not.
    const removal = typeof options === 'object' ? options.signal : undefined;
    removal?.addEventListener('abort', () => listeners.delete(listener), { once: true });
  };
  signal.removeEventListener = (type: string, listener: unknown, options?: boolean | EventListenerOptions) => {
    remove(type, listener as EventListener, options);
    listeners.delete(listener);
  };
  const leak = { what: 'a listener on ctx.signal', fix: `Remove it in the teardown, ${OR_USE_OURS}.` };
  return {
    leaks: () => (signal.aborted || (listeners.size === 0 && signal.onabort === null) ? [] : [leak]),
  };
}
