import { controllerOf } from './abort.ts';
import type { Context } from './context.ts';

/** A run as the code inside it sees it. */
export interface RunHandle {
  /** Tells concurrent runs apart. */
  readonly run: number;
  /** The context that the run gives its services. */
  readonly ctx: Context;
  /** The run that this run was started in. */
  readonly parent: RunHandle | undefined;
  readonly ended: boolean;
  /** The service that the run is calling and subscribing to at this moment. */
  readonly currentService: string | undefined;
  /** Whether this run, or a run around it, will fail with `DeadlineExceededError` no later than `deadline`. */
  enforces(deadline: number): boolean;
  /** Reports an error that a teardown threw. It changes no outcome. */
  teardownFailed(service: string | undefined, error: unknown): void;
}

/** Where a context or a signal keeps its run. In a context the key is enumerable, so that copies stay in the run. */
const runKey: unique symbol = Symbol('forkfast.run');

interface HasRun {
  readonly [runKey]?: RunHandle;
}

/** Puts `ctx` and all its copies into `run`. */
export function withRun<Ctx extends Context>(ctx: Ctx, run: RunHandle): Ctx {
  return Object.assign(ctx, { [runKey]: run });
}

/** A copy of `ctx` that is in no run, for work that outlives the run. */
export function withoutRun<Ctx extends Context>(ctx: Ctx): Ctx {
  const { [runKey]: unused, ...rest } = ctx as Ctx & HasRun;
  return rest as unknown as Ctx;
}

/** Puts contexts that are made from nothing but `signal` into `run`. A `WeakMap` would cost the garbage collector more. */
export function bindToRun(signal: AbortSignal, run: RunHandle | undefined): AbortSignal {
  return run ? Object.defineProperty(signal, runKey, { value: run }) : signal;
}

/** The run in flight that `ctx` belongs to. */
export function runOf(ctx: Context | undefined): RunHandle | undefined {
  const run = (ctx as HasRun | undefined)?.[runKey] ?? runOfSignal(ctx);
  return run?.ended === false ? run : undefined;
}

function runOfSignal(ctx: Context | undefined): RunHandle | undefined {
  return controllerOf(ctx) ? undefined : (ctx?.signal as HasRun | undefined)?.[runKey];
}

/** The outermost run in flight that `ctx` belongs to. */
export function rootRunOf(ctx: Context): RunHandle | undefined {
  let run = runOf(ctx);
  while (run?.parent) run = run.parent;
  return run;
}
