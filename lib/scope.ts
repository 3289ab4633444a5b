import { fanOut } from '#fan-out';
import type { Observable } from 'rxjs';
import { Abort, abortKey, abortOf } from './abort.ts';
import type { Context } from './context.ts';

/** Who is told what a teardown threw. */
export interface Torn {
  tear(error: unknown): void;
}

/** A run, as what is asked inside it finds it: the controller of its signal. */
export abstract class Scope extends Abort {
  /** Tells concurrent runs apart. */
  abstract readonly run: number;
  /** The context of the run's services. */
  abstract readonly ctx: Context;
  /** The run around this one. */
  abstract readonly outer: Scope | undefined;
  /** Emits when this run and those around it are over, or their clocks have stopped: nobody ends what is inside by `deadline` then. */
  abstract released(deadline: number): Observable<unknown>;
  /** The service that is being asked and subscribed to right now. */
  asking: (Torn & { readonly name: string }) | undefined;
  /** Of a service, nobody knows which. */
  abstract tear(error: unknown): void;

  #signal: AbortSignal | undefined;

  override get signal(): AbortSignal {
    return (this.#signal ??= fanOut(enter(this, super.signal)));
  }
}

/**
 * From now on, what is asked with `signal` is asked inside `scope`: whatever else a service makes of its context, it passes
 * the signal on. A `WeakMap` would do too, but an entry a run costs the collector more than the rest of a run costs.
 */
export function enter(scope: Scope, signal: AbortSignal): AbortSignal {
  return Object.defineProperty(signal, abortKey, { value: scope }); // in no copy, and in no print
}

/** The run in flight that `ctx` belongs to: by its signal, whatever else has been made of it. */
export function scopeOf(ctx: Context | undefined): Scope | undefined {
  const own = abortOf(ctx) ?? abortOf(ctx?.signal);
  return own instanceof Scope && !own.over() ? own : undefined;
}

/** The run around all others that `ctx` belongs to. */
export function outermost(ctx: Context): Scope | undefined {
  let scope = scopeOf(ctx);
  while (scope?.outer) scope = scope.outer;
  return scope;
}
