import { Observable, throwError } from 'rxjs';
import { type Context, refusal } from './context.ts';

/** Is told the reason of an abort, once. */
export interface AbortListener {
  onAbort(reason: unknown): void;
}

/** What has a signal: a context, the `init` of a request, a controller. */
interface Signalling {
  readonly signal?: AbortSignal | null | undefined;
}

/** What is listened to: whoever has listened keeps it, since a context may have another signal by then. */
export type Heard = Abort | Hub | null | undefined;

const hubs = new WeakMap<AbortSignal, Hub>();

/** Who listens to a signal, behind its only DOM listener. */
class Hub {
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<AbortListener>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    hubs.set(signal, this);
  }

  listen(listener: AbortListener): void {
    if (this.#signal.aborted) {
      tell(listener, this.#signal.reason);
      return;
    }
    if (this.#listeners.size === 0) this.#signal.addEventListener('abort', this, { once: true });
    this.#listeners.add(listener);
  }

  unlisten(listener: AbortListener): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#signal.removeEventListener('abort', this);
    hubs.delete(this.#signal);
  }

  /** Of the signal. One that leaves while the others are told is not told. */
  handleEvent(): void {
    for (const listener of this.#listeners) tell(listener, this.#signal.reason);
  }
}

/**
 * Tells `listener` the reason when the signal of `to` aborts; at once where it has aborted already. Gives what to `unlisten` to.
 *
 * However many listen, a signal has one DOM listener, and none when the last of them has gone; one that nobody has read yet is
 * not made for this (see {@link Abort}). Not `AbortSignal.any`, which has leaked on long-lived signals:
 * https://github.com/nodejs/node/issues/54614.
 */
export function listen(to: Signalling, listener: AbortListener): Heard {
  const heard = abortOf(to) ?? hubOf(to.signal);
  heard?.listen(listener);
  return heard;
}

function hubOf(signal: Signalling['signal']): Heard {
  return signal && (hubs.get(signal) ?? new Hub(signal));
}

/** Tells `listener` no more. */
export function unlisten(from: Heard, listener: AbortListener): void {
  from?.unlisten(listener);
}

/** {@link listen} as an Observable: emits the reason and completes. */
export function aborted(to: Signalling): Observable<unknown> {
  return new Observable((subscriber) => {
    const listener = {
      onAbort: (reason: unknown) => {
        subscriber.next(reason);
        subscriber.complete();
      },
    };
    const heard = listen(to, listener);
    return () => {
      unlisten(heard, listener);
    };
  });
}

/** One that throws keeps it from none of the others. */
function tell(listener: AbortListener, reason: unknown): void {
  reporting(() => {
    listener.onAbort(reason);
  });
}

/** What `act` throws, such as a teardown of the subscriber's, is reported as RxJS reports what nobody handles. */
export function reporting(act: () => void): void {
  try {
    act();
  } catch (error) {
    throwError(() => error).subscribe();
  }
}

/**
 * An `AbortController` that one can listen to without a signal: with its listener, a signal costs more than all else that is
 * done for a request, and the platform makes it when somebody reads it.
 */
export class Abort extends AbortController {
  /** Mostly there is one, and a set weighs more than all the rest of this. */
  #first: AbortListener | undefined;
  #others: Set<AbortListener> | undefined;
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
  listen(listener: AbortListener): void {
    if (this.#ended) tell(listener, this.#ended.reason);
    else if (this.#first || this.#others?.size) (this.#others ??= new Set()).add(listener);
    else this.#first = listener;
  }

  unlisten(listener: AbortListener): void {
    if (this.#first === listener) this.#first = undefined;
    else this.#others?.delete(listener);
  }

  /** Those who listen are told after the signal. One that leaves while the others are told is not told. */
  override abort(reason: unknown): void {
    if (this.#ended) return;
    this.#closed = true;
    this.#ended = { reason };
    super.abort(reason);
    if (this.#first) tell(this.#first, reason);
    for (const listener of this.#others ?? []) tell(listener, reason);
  }
}

/** Where a context or the `init` of a request holds the controller of its signal, and a signal the run that it is of. */
export const abortKey: unique symbol = Symbol('abort');
interface Carrier {
  readonly [abortKey]: Abort;
}
/** One getter for all: with one of its own, each carrier would have a hidden class of its own. */
const signal = {
  get(this: Carrier): AbortSignal {
    return this[abortKey].signal;
  },
  enumerable: true,
};

/** Gives `to`, a context or the `init` of a request, the signal of `abort`; who has this very object may do without. */
export function carry<T extends object>(to: T, abort: Abort): T & { readonly signal: AbortSignal } {
  Object.defineProperty(to, abortKey, { value: abort }); // in no copy, and in no print
  return Object.defineProperty(to, 'signal', signal) as T & { readonly signal: AbortSignal };
}

export function abortOf(carrier: object | null | undefined): Abort | undefined {
  return carrier && Object.hasOwn(carrier, abortKey) ? (carrier as Carrier)[abortKey] : undefined;
}

/** The reason why nothing can be asked on `ctx`. Ours is sound, and to read its signal would make one. */
export function refusalOf(ctx: Context): Error | undefined {
  return abortOf(ctx) ? undefined : refusal(ctx);
}

/** All of `ctx` but its signal, which is not read: see {@link refusalOf}. */
export function withoutSignal<Ctx extends Context>(ctx: Ctx): Omit<Ctx, 'signal'> {
  if (!abortOf(ctx)) {
    const { signal: unused, ...rest } = ctx;
    return rest;
  }
  const keys = Reflect.ownKeys(ctx).filter(
    (name) => name !== 'signal' && Object.prototype.propertyIsEnumerable.call(ctx, name),
  );
  return Object.fromEntries(keys.map((name) => [name, ctx[name as keyof Ctx]])) as Omit<Ctx, 'signal'>;
}
