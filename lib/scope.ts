import type { Subscriber } from 'rxjs';
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
  /** The run's own, made when somebody reads it. */
  readonly signal: () => AbortSignal;
  /** Who wants to know that the run has ended early. */
  readonly listeners: Set<Subscriber<unknown>>;
}

/**
 * Where a context or a signal of ours holds its scope: whatever else a service makes of its context, it passes the signal on.
 * A `WeakMap` would do too, but an entry a run costs the collector more than the rest of a run costs.
 */
const key: unique symbol = Symbol('scope');
interface Ours {
  [key]?: Scope;
}

/** From now on, what is asked with `ours`, a context or a signal, is asked inside `scope`. */
export function enter(scope: Scope, ours: Context | AbortSignal): void {
  Object.defineProperty(ours, key, { value: scope }); // in no copy, and in no print
}

/** One getter for all contexts: with one of its own, each would have a hidden class of its own. */
const signal = {
  get(this: Required<Ours>): AbortSignal {
    return this[key].signal();
  },
  enumerable: true,
};

/** Makes `scope.ctx` what the services of the run are given: with its signal. */
export function give(scope: Scope): void {
  enter(scope, scope.ctx);
  Object.defineProperty(scope.ctx, 'signal', signal);
}

/** The run in flight that gave this very context. */
export function giver(ctx: Context | null | undefined): Scope | undefined {
  return ctx && Object.hasOwn(ctx, key) ? live((ctx as Ours)[key]) : undefined;
}

/** The run in flight that `ctx` belongs to: by its signal, whatever else has been made of it. */
export function scopeOf(ctx: Context): Scope | undefined {
  return giver(ctx) ?? live((ctx.signal as Ours | undefined)?.[key]);
}

function live(scope: Scope | undefined): Scope | undefined {
  return scope?.over() === false ? scope : undefined;
}

/** The run around all others that `ctx` belongs to. */
export function outermost(ctx: Context): Scope | undefined {
  let scope = scopeOf(ctx);
  while (scope?.outer) scope = scope.outer;
  return scope;
}
