import { Observable, throwError } from 'rxjs';
import { type Context, checkContext } from './context.ts';
import type { RunHandle } from './run-handle.ts';

/** Receives the reason of an abort, at most once. It is an object, since two closures for each request would weigh more. */
export interface AbortListener {
  onAbort(reason: unknown): void;
}

/** An object with a signal: a context, or the `init` of a request. */
export interface HasSignal {
  readonly signal?: AbortSignal | null | undefined;
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

function callNow(listener: AbortListener, reason: unknown): void {
  reportErrors(() => {
    listener.onAbort(reason);
  });
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

/** Calls `action`, and reports an error that it throws. */
export function reportErrors(action: () => void): void {
  try {
    action();
  } catch (error) {
    reportError(error);
  }
}

/** Reports an error as RxJS reports an unhandled one: asynchronously. */
export function reportError(error: unknown): void {
  throwError(() => error).subscribe();
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
