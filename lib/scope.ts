import type { Context } from './context.ts';

/** A run, as what is asked inside it finds it. */
export interface Scope {
  readonly run: number;
  /** The context of the run's services. */
  readonly ctx: Context;
  /** What the run keeps for all inside it, in epoch milliseconds; `Infinity` for none. */
  readonly deadline: number;
  /** The run around this one. */
  readonly outer: Scope | undefined;
  readonly over: () => boolean;
  /** The service that is being asked and subscribed to right now. */
  asking: string | undefined;
}

/** By the signal: whatever else a service makes of its context, it passes that on. */
const scopes = new WeakMap<AbortSignal, Scope>();

/** From now on, what is asked with `signal` is asked inside `scope`. */
export function enter(scope: Scope, signal: AbortSignal): void {
  scopes.set(signal, scope);
}

/** The run in flight that `signal` belongs to. */
export function scopeOf(signal: AbortSignal | undefined): Scope | undefined {
  const scope = signal && scopes.get(signal);
  return scope?.over() === false ? scope : undefined;
}

/** The run around all others that `signal` belongs to. */
export function outermost(signal: AbortSignal | undefined): Scope | undefined {
  let scope = scopeOf(signal);
  while (scope?.outer) scope = scope.outer;
  return scope;
}
