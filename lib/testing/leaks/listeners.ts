import { OR_USE_OURS, type Watcher } from './leak.ts';

/** Watches the listeners on a signal. An aborted signal releases its listeners, so they do not leak. */
export function watchListeners(signal: AbortSignal): Watcher {
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const capturing = new Set<unknown>();
  const bubbling = new Set<unknown>();
  const listenersFor = (options: boolean | EventListenerOptions | undefined): Set<unknown> =>
    (typeof options === 'object' ? options.capture : options) ? capturing : bubbling;
  signal.addEventListener = (type: string, listener: unknown, options?: boolean | AddEventListenerOptions) => {
    add(type, listener as EventListener, options);
    const removal = typeof options === 'object' ? options.signal : undefined;
    if (type !== 'abort' || !listener || removal?.aborted) return; // the platform adds no such listener
    const listeners = listenersFor(options);
    listeners.add(listener);
    // To remove such a listener, Node calls removeEventListener. Browsers do not.
    removal?.addEventListener('abort', () => listeners.delete(listener), { once: true });
  };
  signal.removeEventListener = (type: string, listener: unknown, options?: boolean | EventListenerOptions) => {
    remove(type, listener as EventListener, options);
    if (type === 'abort') listenersFor(options).delete(listener);
  };
  const leak = { what: 'a listener on ctx.signal', fix: `Remove it in the teardown, ${OR_USE_OURS}.` };
  return {
    leaks: () => (signal.aborted || (capturing.size + bubbling.size === 0 && signal.onabort === null) ? [] : [leak]),
  };
}
