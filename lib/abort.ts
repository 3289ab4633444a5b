import { Observable, throwError } from 'rxjs';

/** Is told the reason of an abort, once. */
export type Listener = (reason: unknown) => void;

const hubs = new WeakMap<AbortSignal, Set<Listener>>();
const nothing = (): void => undefined;

/**
 * Tells `listener` the reason when the signal of `to` aborts; at once where it has aborted already. Gives what ends the listening.
 *
 * However many listen, a signal has one DOM listener, and none when the last of them has gone; one that nobody has read yet is
 * not made for this (see {@link Abort}). Not `AbortSignal.any`, which has leaked on long-lived signals:
 * https://github.com/nodejs/node/issues/54614.
 */
export function listen(to: { readonly signal?: AbortSignal | null | undefined }, listener: Listener): () => void {
  const own = abortOf(to);
  if (own) return own.listen(listener);
  const { signal } = to;
  if (!signal) return nothing;
  if (signal.aborted) {
    listener(signal.reason);
    return nothing;
  }
  const hub = hubs.get(signal) ?? new Set();
  if (hub.size === 0) open(signal, hub);
  hub.add(listener);
  return () => {
    if (hub.delete(listener) && hub.size === 0) close(signal);
  };
}

/** {@link listen} as an Observable: emits the reason and completes. */
export function aborted(to: { readonly signal?: AbortSignal | null | undefined }): Observable<unknown> {
  return new Observable((subscriber) =>
    listen(to, (reason) => {
      subscriber.next(reason);
      subscriber.complete();
    }),
  );
}

/** The DOM listener of every signal; `this` is the signal. */
function onAbort(this: AbortSignal): void {
  const hub = hubs.get(this);
  close(this);
  if (hub) tellAll(hub, this.reason);
}

function open(signal: AbortSignal, hub: Set<Listener>): void {
  hubs.set(signal, hub);
  signal.addEventListener('abort', onAbort);
}

function close(signal: AbortSignal): void {
  hubs.delete(signal);
  signal.removeEventListener('abort', onAbort);
}

/** To all who listen. One that leaves while the others are told is not told: its run is over. */
function tellAll(listeners: ReadonlySet<Listener>, reason: unknown): void {
  for (const listener of listeners) {
    try {
      listener(reason);
    } catch (error) {
      report(error); // and the others are told
    }
  }
}

/** As RxJS reports what nobody handles. */
export function report(error: unknown): void {
  throwError(() => error).subscribe();
}

/**
 * An `AbortController` that one can listen to without a signal: with its listener, a signal costs more than all else that is
 * done for a request, and the platform makes it when somebody reads it.
 */
export class Abort extends AbortController {
  #listeners: Set<Listener> | undefined;
  #ended: { readonly reason: unknown } | undefined;
  #closed = false;

  /** Whether what it could abort is over, one way or another. */
  over(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  /** See {@link listen}. */
  listen(listener: Listener): () => void {
    if (this.#ended) {
      listener(this.#ended.reason);
      return nothing;
    }
    const listeners = (this.#listeners ??= new Set());
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Those who listen are told after the signal. */
  override abort(reason: unknown): void {
    this.#closed = true;
    this.#ended = { reason };
    super.abort(reason);
    if (this.#listeners) tellAll(this.#listeners, reason);
  }
}

const key: unique symbol = Symbol('abort');
interface Carrier {
  readonly [key]: Abort;
}
/** One getter for all: with one of its own, each carrier would have a hidden class of its own. */
const signal = {
  get(this: Carrier): AbortSignal {
    return this[key].signal;
  },
  enumerable: true,
};

/** Gives `to`, a context or the `init` of a request, the signal of `abort`; who has this very object may do without. */
export function carry<T extends object>(to: T, abort: Abort): T & { readonly signal: AbortSignal } {
  Object.defineProperty(to, key, { value: abort }); // in no copy, and in no print
  return Object.defineProperty(to, 'signal', signal) as T & { readonly signal: AbortSignal };
}

export function abortOf(carrier: object | null | undefined): Abort | undefined {
  return carrier && Object.hasOwn(carrier, key) ? (carrier as Carrier)[key] : undefined;
}
