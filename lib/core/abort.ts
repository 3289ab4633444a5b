import { Observable, throwError } from 'rxjs';
import { type Context, checkContext } from './context.ts';
import type { RunHandle } from './run-handle.ts';

/** Receives the reason of an abort, at most once. */
export type AbortListener = (reason: unknown) => void;

/** An object with a signal: a context, or the `init` of a request. */
export interface HasSignal {
  readonly signal?: AbortSignal | null | undefined;
}

const noop = (): void => undefined;

/**
 * An `AbortController` that makes its signal when the signal is read.
 *
 * On Node a signal costs 6 µs and its first listener 4 µs more: more than the rest of a run. So code inside forkfast listens
 * through {@link onAbort}, which does not read the signal.
 */
export class LazyAbortController {
  /** The run that the signal belongs to: a context that is made from nothing but the signal is in this run. */
  run: RunHandle | undefined;
  /** The context that has this signal. A copy of it keeps the controller, but may have another signal. */
  holder: object | undefined;
  /** Set once the controller has aborted. */
  aborted: { readonly reason: unknown } | undefined;
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
      allowManyListeners(this.#controller.signal);
      if (this.run) Object.defineProperty(this.#controller.signal, controllerKey, { value: this });
      if (this.aborted) this.#controller.abort(this.aborted.reason);
    }
    return this.#controller.signal;
  }

  /** Aborts the signal first, and then calls the listeners of {@link onAbort}. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = { reason };
    this.#controller?.abort(reason);
    if (this.#first) callNow(this.#first, reason);
    if (this.#others) dispatch(this.#others, reason);
  }

  /** As the function {@link onAbort}. */
  onAbort(listener: AbortListener): () => void {
    if (this.aborted) return callNow(listener, this.aborted.reason);
    if (this.#first || this.#others?.size) (this.#others ??= new Set()).add(listener);
    else this.#first = listener;
    return () => {
      if (this.#first === listener) this.#first = undefined;
      else this.#others?.delete(listener);
    };
  }
}

/**
 * Where a context, an `init` or a signal keeps its controller. In the context of a run the key is enumerable, so that a copy
 * stays in the run.
 */
export const controllerKey: unique symbol = Symbol('forkfast.run');

export interface HasController {
  readonly [controllerKey]?: LazyAbortController;
}

/**
 * One descriptor for all objects: with one getter for each object, V8 could not give the objects the same hidden class.
 *
 * A transport owns its `init`, and may assign another signal to it, as zone.js and instrumentations do.
 */
const lazySignal: PropertyDescriptor & ThisType<HasController> = {
  get() {
    return this[controllerKey]?.signal;
  },
  set(value: unknown) {
    Reflect.deleteProperty(this, controllerKey);
    Object.defineProperty(this, 'signal', { value, writable: true, enumerable: true, configurable: true });
  },
  enumerable: true,
  configurable: true,
};

/** Gives `target` the signal of `controller`, which is made when it is read. */
export function withSignal<T extends object>(
  target: T,
  controller: LazyAbortController,
): T & { readonly signal: AbortSignal } {
  if (controller.run) {
    (target as { [controllerKey]?: LazyAbortController })[controllerKey] = controller;
    controller.holder = target;
  } else Object.defineProperty(target, controllerKey, { value: controller, configurable: true });
  return Object.defineProperty(target, 'signal', lazySignal) as T & { readonly signal: AbortSignal };
}

/** The controller whose signal is that of `holder`. */
export function controllerOf(holder: object | null | undefined): LazyAbortController | undefined {
  const controller = (holder as HasController | null | undefined)?.[controllerKey];
  return controller?.run && controller.holder !== holder ? undefined : controller;
}

/** As `checkContext`, but does not check a context that forkfast made: reading its signal would create it. */
export function checkCallerContext(ctx: Context): Error | undefined {
  return controllerOf(ctx) ? undefined : checkContext(ctx);
}

/**
 * A copy of `source` without its signal. A lazy signal is not created.
 *
 * Inherited fields are copied as well: those of a class or of `Object.create(ctx)`. A context without its tenant would be an error
 * that nobody sees, and `singleFlight` would take two contexts for equal.
 */
export function withoutSignal<T extends HasSignal>(source: T): Omit<T, 'signal'> {
  if (!controllerOf(source) && isPlain(source)) {
    const { signal: unused, ...rest } = source;
    return rest;
  }
  const fields = new Map<PropertyKey, unknown>();
  for (let owner: object = source; owner === source || !isRoot(owner); owner = Object.getPrototypeOf(owner) as object) {
    for (const key of Reflect.ownKeys(owner)) {
      // The accessors and methods of a class are not enumerable.
      const isField = owner === source ? Object.prototype.propertyIsEnumerable.call(owner, key) : key !== 'constructor';
      if (isField && key !== 'signal' && !fields.has(key)) fields.set(key, source[key as keyof T]);
    }
    if (Object.getPrototypeOf(owner) === null) break;
  }
  return Object.fromEntries(fields) as Omit<T, 'signal'>;
}

/** Whether `source` inherits nothing but the methods of `Object.prototype`, of this realm or another one. */
function isPlain(source: object): boolean {
  const prototype = Object.getPrototypeOf(source) as object | null;
  return prototype === null || isRoot(prototype);
}

function isRoot(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null;
}

interface Dispatcher {
  readonly listeners: Set<AbortListener>;
  readonly dispatch: () => void;
}

/** The listeners on signals that forkfast did not make, behind one DOM listener for each signal: Node warns at the eleventh. */
const dispatchers = new WeakMap<AbortSignal, Dispatcher>();

/**
 * Calls `listener` with the reason when the signal of `holder` aborts, or at once if it has aborted. Returns a function that
 * removes the listener.
 *
 * However many listen, a signal has one DOM listener, and none once the last of them is removed. This is not
 * `AbortSignal.any`, which has leaked on long-lived signals: https://github.com/nodejs/node/issues/54614.
 */
export function onAbort(holder: HasSignal, listener: AbortListener): () => void {
  const controller = controllerOf(holder);
  if (controller) return controller.onAbort(listener);
  const { signal } = holder;
  if (!signal) return noop;
  if (signal.aborted) return callNow(listener, signal.reason);
  const { listeners, dispatch } = dispatcherOf(signal);
  listeners.add(listener);
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0) return;
    dispatchers.delete(signal);
    signal.removeEventListener('abort', dispatch);
  };
}

function dispatcherOf(signal: AbortSignal): Dispatcher {
  const known = dispatchers.get(signal);
  if (known) return known;
  const listeners = new Set<AbortListener>();
  const added = {
    listeners,
    dispatch: () => {
      dispatch(listeners, signal.reason);
    },
  };
  dispatchers.set(signal, added);
  signal.addEventListener('abort', added.dispatch, { once: true });
  return added;
}

/** Calls the listeners in order. A listener that is removed during dispatch is not called. */
function dispatch(listeners: Set<AbortListener>, reason: unknown): void {
  for (const listener of listeners) callNow(listener, reason);
}

function callNow(listener: AbortListener, reason: unknown): () => void {
  reportErrors(() => {
    listener(reason);
  });
  return noop;
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

/** Calls `action`, and reports an error that it throws as RxJS reports an unhandled one: asynchronously. */
export function reportErrors(action: () => void): void {
  try {
    action();
  } catch (error) {
    throwError(() => error).subscribe();
  }
}

/**
 * Node warns of a leak when a signal gets its eleventh listener. A signal that forkfast hands out may have any number.
 *
 * The limit is not 0, which means the same: `getMaxListeners` of Node 20 throws for 0, and `fetch` calls it for each request and
 * catches the error, which costs more than 30 µs.
 *
 * `getBuiltinModule` instead of an import keeps Node's modules out of browser bundles.
 */
export function allowManyListeners(signal: AbortSignal): void {
  try {
    events ??= eventsModule();
    events?.setMaxListeners(Infinity, signal);
  } catch {
    // The signal is not Node's own, as in jsdom: its listeners are not counted.
  }
}

/** The part of `node:events` that is used here. */
interface EventsModule {
  setMaxListeners(count: number, signal: AbortSignal): void;
}

/** Looked up once: each look-up costs half as much as the call of `setMaxListeners`. */
let events: EventsModule | undefined;

function eventsModule(): EventsModule | undefined {
  const { process } = globalThis as { readonly process?: Partial<NodeJS.Process> };
  return process?.getBuiltinModule?.('node:events');
}
