import { asyncScheduler, type Observable, type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs';
import { controllerKey, type HasController, withoutSignal } from './abort.ts';
import type { Context } from './context.ts';
import type { AggregateConfig } from './options.ts';

/** A run as the code inside it sees it. */
export interface RunHandle {
  /** Tells concurrent runs apart. */
  readonly run: number;
  /** The context that the run gives its services. */
  readonly ctx: Context;
  /** The run that this run was started in. */
  readonly parent: RunHandle | undefined;
  readonly ended: boolean;
  /** The key of what is kept for as long as the run is in flight, and no longer, even if its context is kept. */
  readonly lifetime: object;
  /** The service that the run is calling and subscribing to at this moment. */
  readonly currentService: string | undefined;
  /** Whether this run, or a run around it, will fail with `DeadlineExceededError` no later than `deadline`. */
  enforces(deadline: number): boolean;
  /** Reports an error that a teardown threw. It changes no outcome. */
  teardownFailed(service: string | undefined, error: unknown): void;
}

/** The services of a run, and how it joins their values. */
export interface RunPlan<Out> {
  readonly config: AggregateConfig;
  readonly names: readonly string[];
  readonly call: (index: number, ctx: Context, input: unknown) => unknown;
  /** Subscribes to all calls in order. Errors with the error of a call or of the deadline. */
  readonly join: (calls: readonly Observable<unknown>[], deadline: Deadline) => Observable<readonly unknown[]>;
  /** Makes the answer from the values, which are in the order of the services, with holes where there is no value yet. */
  readonly answer: (values: readonly unknown[]) => Out;
  /** Whether the run emits the last joined values when it has succeeded, or each joined value immediately. */
  readonly emit: 'last' | 'each';
}

/** The deadline of a run, as RxJS's `timeout` takes it. */
export interface Deadline {
  readonly first: number | Date;
  readonly scheduler: SchedulerLike;
  readonly with: () => Observable<never>;
}

/**
 * A scheduler for `timeout` that differs from `asyncScheduler` in three ways:
 *
 * - It postpones its work while `parentReports` returns true. The parent's timer is due in the same millisecond.
 * - It sets no timer for a delay of `Infinity`.
 * - Its delays are never negative, because Node warns of negative delays. `timeout` computes the delay after the services have
 *   started, and a service may have blocked past the deadline.
 */
export function deadlineSchedulerAfter(parentReports: () => boolean): SchedulerLike {
  return {
    now: () => asyncScheduler.now(),
    schedule: <T>(work: (this: SchedulerAction<T>, state?: T) => void, delay = 0, state?: T): Subscription => {
      if (delay === Infinity) return Subscription.EMPTY;
      let wait = 0;
      const attempt = function (this: SchedulerAction<T>, current?: T): void {
        if (!parentReports()) {
          work.call(this, current);
          return;
        }
        this.schedule(current, wait);
        wait = 1; // the clock has jumped forward: the parent's timer is not due yet
      };
      return asyncScheduler.schedule(attempt, Math.max(0, delay), state);
    },
  };
}

/** The scheduler for the deadline of a run without a parent. */
export const deadlineScheduler: SchedulerLike = /* @__PURE__ */ deadlineSchedulerAfter(() => false);

/** The run in flight that `ctx` belongs to: a copy of a run's context belongs to the run, whatever its signal. */
export function runOf(ctx: Context | undefined): RunHandle | undefined {
  const controller =
    (ctx as HasController | undefined)?.[controllerKey] ?? (ctx?.signal as HasController | undefined)?.[controllerKey];
  return controller?.run?.ended === false ? controller.run : undefined;
}

/** The outermost run in flight that `ctx` belongs to. */
export function rootRunOf(ctx: Context): RunHandle | undefined {
  let run = runOf(ctx);
  while (run?.parent) run = run.parent;
  return run;
}

/** A copy of `ctx` without its run and its signal, for work that may outlive both. The signal is not read. */
export function detached<Ctx extends Context>(ctx: Ctx): Omit<Ctx, 'signal'> {
  const { [controllerKey]: unused, ...rest } = withoutSignal<Context>(ctx) as HasController;
  return rest as Omit<Ctx, 'signal'>;
}
