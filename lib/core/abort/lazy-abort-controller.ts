import type { RunHandle } from '../run-handle.ts';
import { allowManyListeners } from './allow-many-listeners.ts';
import { reportErrors } from './report-errors.ts';

/** Receives the reason of an abort, at most once. It is an object, since two closures for each request would weigh more. */
export interface AbortListener {
  onAbort(reason: unknown): void;
}

/**
 * An `AbortController` that makes its signal when the signal is read.
 *
 * On Node a signal costs 6 µs and its first listener 4 µs more: more than the rest of a run. So code inside forkfast listens
 * through {@link addAbortListener}, which does not read the signal.
 */
export class LazyAbortController {
  /** The run that the signal belongs to: a context that is made from nothing but the signal is in this run. */
  run: RunHandle | undefined;
  /** The context that has this signal. A copy of it keeps the controller, but may have another signal. */
  holder: object | undefined;
  /** Set once the controller has aborted. */
  aborted: { readonly reason: unknown } | undefined;
  /** Whether the signal is that of one request: its few listeners need no higher limit, which costs more than a µs. */
  isOfRequest = false;
  #controller: AbortController | undefined;
  /** Most controllers have one listener, and a set would weigh more than the rest of a controller. */
  #first: AbortListener | undefined;
  #others: Set<AbortListener> | undefined;

  constructor(run?: RunHandle) {
    this.run = run;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (!this.isOfRequest) allowManyListeners(this.#controller.signal);
      if (this.run) Object.defineProperty(this.#controller.signal, controllerKey, { value: this });
      if (this.aborted) this.#controller.abort(this.aborted.reason);
    }
    return this.#controller.signal;
  }

  get hasListeners(): boolean {
    return this.#first !== undefined || Boolean(this.#others?.size);
  }

  /** Calls `listener` at once if the controller has aborted. */
  add(listener: AbortListener): void {
    if (this.aborted) callNow(listener, this.aborted.reason);
    else if (this.hasListeners) (this.#others ??= new Set()).add(listener);
    else this.#first = listener;
  }

  /** A listener that is removed while others are called is not called. */
  remove(listener: AbortListener): void {
    if (this.#first === listener) this.#first = undefined;
    else this.#others?.delete(listener);
  }

  /** Aborts the signal first, and then calls the listeners in the order in which they were added. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = { reason };
    this.#controller?.abort(reason);
    if (this.#first) callNow(this.#first, reason);
    this.#others?.forEach((listener) => {
      callNow(listener, reason);
    });
  }
}

/** Errors of the listener are reported: its caller has another task. */
export function callNow(listener: AbortListener, reason: unknown): void {
  reportErrors(() => {
    listener.onAbort(reason);
  });
}

/**
 * Where a context, an `init` or a signal keeps its controller. In the context of a run the key is enumerable, so that a copy
 * stays in the run.
 */
export const controllerKey: unique symbol = Symbol('forkfast.run');

export interface HasController {
  readonly [controllerKey]?: LazyAbortController;
}

/** The controller whose signal is that of `holder`. */
export function controllerOf(holder: object | null | undefined): LazyAbortController | undefined {
  const controller = (holder as HasController | null | undefined)?.[controllerKey];
  return controller?.run && controller.holder !== holder ? undefined : controller;
}
