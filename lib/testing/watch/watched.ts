/** Something that was left behind, and what to do about it. */
export interface Leak {
  readonly what: string;
  readonly fix: string;
}

/** One kind of thing that is watched. */
export interface Watched {
  readonly leaks: () => readonly Leak[];
}

export const ours = 'as fetchJson does, and fromAbortable(ctx, (signal) => …) for whatever takes a signal';

export type AnyFunction = (...args: unknown[]) => unknown;

/** A function with all that hangs on it, such as what `promisify` looks for. */
export function around(real: AnyFunction, call: (...args: unknown[]) => unknown): AnyFunction {
  return new Proxy(real, { apply: (_real, _this, args: unknown[]) => call(...args) });
}
