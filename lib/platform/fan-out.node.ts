import { setMaxListeners } from 'node:events';

/** On Node, which takes an eleventh listener for a leak: the signal of a run is there for all its services to listen to. */
export function fanOut(signal: AbortSignal): AbortSignal {
  try {
    setMaxListeners(0, signal);
  } catch {
    // Not Node's own, as in jsdom: nobody counts.
  }
  return signal;
}
