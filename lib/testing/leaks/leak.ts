/** Something that outlives a service, and how to stop it. */
export interface Leak {
  readonly what: string;
  readonly fix: string;
}

/** Watches one kind of leak. */
export interface Watcher {
  readonly leaks: () => readonly Leak[];
}

/** The end of a `fix`. */
export const OR_USE_OURS = 'or use fetchJson or fromAbortable(ctx, (signal) => …)';

export type AnyFunction = (...args: unknown[]) => unknown;

/** Replaces the call of a function and keeps its properties, such as the one that `promisify` reads. */
export function wrapped(real: AnyFunction, call: AnyFunction): AnyFunction {
  return new Proxy(real, { apply: (_real, _this, args: unknown[]) => call(...args) });
}
