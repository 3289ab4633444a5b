import { Observable } from 'rxjs';
import { type AbortListener, callNow, controllerOf, LazyAbortController } from './lazy-abort-controller.ts';

/** An object with a signal: a context, or the `init` of a request. */
export interface HasSignal {
  readonly signal?: AbortSignal | null | undefined;
}

/** Follows a signal that forkfast did not make, with one DOM listener for all its own: Node warns at the eleventh. */
class ForeignSignal extends LazyAbortController {
  readonly #signal: AbortSignal;
  readonly #onEvent = (): void => {
    this.abort(this.#signal.reason);
  };

  constructor(signal: AbortSignal) {
    super();
    this.#signal = signal;
    signal.addEventListener('abort', this.#onEvent, { once: true });
  }

  override remove(listener: AbortListener): void {
    super.remove(listener);
    if (this.hasListeners || foreignSignals.get(this.#signal) !== this) return;
    foreignSignals.delete(this.#signal);
    this.#signal.removeEventListener('abort', this.#onEvent);
  }
}

/** The foreign signals that have listeners. */
const foreignSignals = new WeakMap<AbortSignal, ForeignSignal>();

/**
 * Calls `listener` when the signal of `holder` aborts, or at once if it has aborted. Returns the controller to remove it from.
 *
 * However many listen, a signal has one DOM listener, and none once the last of them is removed. This is not
 * `AbortSignal.any`, which has leaked on long-lived signals: https://github.com/nodejs/node/issues/54614.
 */
export function addAbortListener(holder: HasSignal, listener: AbortListener): LazyAbortController | undefined {
  const controller = controllerOf(holder) ?? foreignSignalOf(holder, listener);
  controller?.add(listener);
  return controller;
}

/** `undefined` for a signal that has aborted: then the listener is called. */
function foreignSignalOf({ signal }: HasSignal, listener: AbortListener): ForeignSignal | undefined {
  if (!signal) return undefined;
  if (signal.aborted) {
    callNow(listener, signal.reason);
    return undefined;
  }
  let controller = foreignSignals.get(signal);
  if (!controller) foreignSignals.set(signal, (controller = new ForeignSignal(signal)));
  return controller;
}

/** {@link addAbortListener} for a function. Returns a function that removes it. */
export function onAbort(holder: HasSignal, action: (reason: unknown) => void): () => void {
  const listener = { onAbort: action };
  const controller = addAbortListener(holder, listener);
  return () => controller?.remove(listener);
}

/** {@link onAbort} as an Observable: emits the reason and completes. */
export function aborted(holder: HasSignal): Observable<unknown> {
  return new Observable((subscriber) =>
    onAbort(holder, (reason) => {
      subscriber.next(reason);
      subscriber.complete();
    }),
  );
}
