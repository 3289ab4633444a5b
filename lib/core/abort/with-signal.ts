import { type Context, checkContext } from '../context.ts';
import { controllerKey, controllerOf, type HasController, type LazyAbortController } from './lazy-abort-controller.ts';
import type { HasSignal } from './on-abort.ts';

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
