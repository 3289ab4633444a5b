/** An `AbortController` whose signal counts its DOM listeners. */
export interface CountingController {
  readonly signal: AbortSignal;
  readonly abort: (reason?: unknown) => void;
  readonly listeners: () => number;
}

export function countingController(): CountingController {
  const controller = new AbortController();
  const { signal } = controller;
  return {
    signal,
    abort: (reason) => {
      controller.abort(reason);
    },
    listeners: countListeners(signal),
  };
}

/** Counts the `abort` listeners that `signal` gets from now on. */
export function countListeners(signal: AbortSignal): () => number {
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: EventListener, options?: AddEventListenerOptions) => {
    if (type === 'abort') listeners.add(listener);
    add(type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: EventListener) => {
    if (type === 'abort') listeners.delete(listener);
    remove(type, listener);
  };
  return () => listeners.size;
}
