import { NEVER, Observable, type Subscriber } from 'rxjs';
import type { Context } from './context.ts';
import { giver } from './scope.ts';

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
      tell(subscriber, signal.reason);
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

/**
 * {@link aborted} for `ctx.signal`. On the context of a run the run itself is asked: a signal that nobody has read yet is not
 * made for this, since it and its listener cost as much as all the rest of a run.
 */
export function canceled(ctx: Context): Observable<unknown> {
  return new Observable((subscriber) => {
    const run = giver(ctx);
    if (run === undefined) return aborted(ctx.signal).subscribe(subscriber);
    run.listeners.add(subscriber);
    return () => run.listeners.delete(subscriber);
  });
}

/** To all who listen. One that leaves while the others are told is not told: its run is over. */
export function tellAll(listeners: ReadonlySet<Subscriber<unknown>>, reason: unknown): void {
  for (const subscriber of listeners) tell(subscriber, reason);
}

function tell(subscriber: Subscriber<unknown>, reason: unknown): void {
  subscriber.next(reason);
  subscriber.complete();
}

function open(signal: AbortSignal): Hub {
  const listeners = new Set<Subscriber<unknown>>();
  const onAbort = (): void => {
    tellAll(listeners, signal.reason);
  };
  const close = (): void => {
    hubs.delete(signal);
    signal.removeEventListener('abort', onAbort);
  };
  const hub = { listeners, close };
  hubs.set(signal, hub);
  signal.addEventListener('abort', onAbort);
  return hub;
}

/**
 * An `AbortController` that one can listen to without a signal: with its listener, a signal costs more than all else that is
 * done for a request, and the platform makes it when somebody reads it.
 */
export class Abort extends AbortController {
  private readonly listeners: ((reason: unknown) => void)[] = [];
  private ended: { readonly reason: unknown } | undefined;

  /** Tells `listener` the reason when it aborts; at once where it has aborted already. */
  listen(listener: (reason: unknown) => void): void {
    if (this.ended) listener(this.ended.reason);
    else this.listeners.push(listener);
  }

  override abort(reason: unknown): void {
    this.ended = { reason };
    for (const listener of this.listeners) listener(reason);
    super.abort(reason);
  }
}

const key: unique symbol = Symbol('abort');
interface Carrier {
  readonly [key]?: Abort;
}
const signal = {
  get(this: Required<Carrier>): AbortSignal {
    return this[key].signal;
  },
  enumerable: true,
};

/** Gives the `init` of a request the signal of `abort`; who has this very object may do without, by {@link abortOf}. */
export function carry<T extends object>(init: T, abort: Abort): T & { readonly signal: AbortSignal } {
  Object.defineProperty(init, key, { value: abort }); // in no copy, and in no print
  return Object.defineProperty(init, 'signal', signal) as T & { readonly signal: AbortSignal };
}

export function abortOf(init: object): Abort | undefined {
  return (init as Carrier)[key];
}
