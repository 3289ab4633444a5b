import { asyncScheduler, Observable, type SchedulerAction, type SchedulerLike } from 'rxjs';
import { type Subscriber, Subscription } from 'rxjs';
import { CanceledError } from '../errors/canceled-error.ts';
import { controllerKey, type HasController } from './abort/lazy-abort-controller.ts';
import { withoutSignal } from './abort/with-signal.ts';
import type { Context } from './context.ts';
import type { EventDetails } from '../observe/events.ts';
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
  /** The header with which the requests of the run send the time that is left. */
  readonly deadlineHeader: string | undefined;
  readonly hasLogger: boolean;
  /** The key of what is kept for as long as the run is in flight, and no longer, even if its context is kept. */
  readonly lifetime: object;
  /** The service that the run is calling and subscribing to at this moment. */
  readonly currentService: string | undefined;
  /** How many requests each service has sent again, if any. */
  resends: Map<string, number> | undefined;
  /** When the run started, in epoch milliseconds. */
  readonly startedAt: number;
  /**
   * The soonest deadline at which this run, or a run around it, ends its calls. That of an `aggregateLatest` holds until each
   * service has emitted.
   */
  currentDeadline(): number;
  /** Called when the deadline of this run has come, before the run fails. */
  deadlineListeners: Set<() => void> | undefined;
  /** Why the run is closing calls at this moment. Set by {@link closeWith}. */
  closingError: unknown;
  /**
   * Reports an error that a teardown threw, the answer that `lastGood` has given in place of a service, a store that has failed, or a
   * stream that has failed and will connect again. It changes no outcome, and may follow the end of the run.
   */
  report(type: ReportType, service: string | undefined, details: EventDetails): void;
}

export type ReportType = 'teardown-failed' | 'stale' | 'store-failed' | 'reconnecting';

/** The parts of a service that a run needs. */
export interface ServiceParts {
  readonly call: (ctx: Context, input: unknown) => unknown;
  /** Makes the value of an optional service that has failed. Any other failure fails the run. */
  readonly fallback: ((error: unknown, input: unknown) => unknown) | undefined;
}

/** A service of a run. */
export interface NamedService extends ServiceParts {
  readonly name: string;
}

/** Where a service that `optional` has made keeps its parts. */
export const optionalKey: unique symbol = Symbol('forkfast.optional');

/** The services of a run, and how it joins their values. */
export interface RunPlan<Out> {
  readonly config: AggregateConfig;
  readonly services: readonly NamedService[];
  /** Subscribes to all calls in order. Errors with the error of a call or of the deadline. */
  readonly join: (calls: readonly Observable<unknown>[], deadline: Deadline) => Observable<readonly unknown[]>;
  /** Makes the answer from the values, which are in the order of the services, with holes where there is no value yet. */
  readonly answer: (values: readonly unknown[]) => Out;
  /** Whether the run emits the last joined values when it has succeeded, or each joined value immediately. */
  readonly emit: 'last' | 'each';
}

/** The deadline of a run, as RxJS's `timeout` takes it. */
export interface Deadline {
  readonly first: number;
  readonly scheduler: SchedulerLike;
  readonly with: () => Observable<never>;
}

/** A run at its deadline. */
interface DeadlineOwner {
  /**
   * Calls the listeners of the deadline, and settles the optional calls if nothing else is pending. Returns whether the run waits
   * for its parent to report the deadline.
   */
  postponesDeadline(): boolean;
  /** Ends the run. The error goes to `out`. */
  expire(out?: Subscriber<unknown>): void;
}

/** The configuration of `timeout`, which sets its timer after the services have started: a value at the deadline wins. */
export function timeoutAt(deadline: number, owner: DeadlineOwner): Deadline {
  return {
    first: 0, // not a `Date`, which weighs as much as a call: the scheduler knows the deadline
    scheduler: new DeadlineScheduler(owner, deadline),
    with: () =>
      new Observable((out) => {
        owner.expire(out);
      }),
  };
}

/**
 * A scheduler for `timeout` that differs from `asyncScheduler` in four ways:
 *
 * - Its work is due at the deadline, if there is one, and no sooner.
 * - It postpones its work while the run waits for its parent. The parent's timer is due in the same millisecond.
 * - It sets no timer for a delay of `Infinity`, which is that of a run without a deadline.
 * - Its delays are never negative, because Node warns of negative delays: a service may have blocked past the deadline.
 */
class DeadlineScheduler implements SchedulerLike {
  readonly #owner: DeadlineOwner;
  readonly #deadline: number;

  constructor(owner: DeadlineOwner, deadline = -Infinity) {
    this.#owner = owner;
    this.#deadline = Math.ceil(deadline);
  }

  now(): number {
    return asyncScheduler.now();
  }

  schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delay = 0, state?: T): Subscription {
    const due = Math.max(0, delay, this.#deadline - this.now());
    if (due === Infinity) return Subscription.EMPTY;
    const owner = this.#owner;
    let wait = 0;
    const attempt = function (this: SchedulerAction<T>, current?: T): void {
      const postponed = owner.postponesDeadline();
      if (this.closed) return; // the run has ended, since all that it waited for was optional or has a last good answer
      if (!postponed) {
        work.call(this, current);
        return;
      }
      this.schedule(current, wait);
      wait = 1; // the clock has jumped forward: the parent's timer is not due yet
    };
    return asyncScheduler.schedule(attempt, due, state);
  }
}

/** Ends a run, or what waits inside it, after `wait` ms, and no sooner than it stops waiting for its parent. */
export function expireAfter(owner: DeadlineOwner, wait = 0): Subscription {
  const work = (): void => {
    owner.expire();
  };
  return new DeadlineScheduler(owner).schedule(work, wait);
}

/**
 * Calls `listener` when the deadline of the run, or of a run around it, has come, before that run fails. The run goes on if all its
 * services complete now. Returns a function that removes the listener.
 */
export function addDeadlineListener(run: RunHandle, listener: () => void): () => void {
  const runs: RunHandle[] = [];
  for (let each: RunHandle | undefined = run; each; each = each.parent) runs.push(each);
  for (const each of runs) (each.deadlineListeners ??= new Set()).add(listener);
  return () => {
    for (const each of runs) each.deadlineListeners?.delete(listener);
  };
}

/** Calls the last listener first: that of the innermost run. A listener may let a queued service start, which adds listeners. */
export function callDeadlineListeners({ deadlineListeners: listeners }: RunHandle): void {
  const called = new Set<() => void>();
  for (let waiting = [...(listeners ?? [])]; waiting.length > 0;) {
    for (const listener of waiting.reverse()) {
      called.add(listener);
      if (listeners?.has(listener)) listener();
    }
    waiting = [...(listeners ?? [])].filter((listener) => !called.has(listener));
  }
}

/**
 * Calls `listener` when the deadline of `ctx`, or of its run, has come, before the run fails. A timer of its own is set only for a
 * deadline that no run enforces. Returns a function that removes the listener.
 */
export function onDeadline(ctx: Context, listener: () => void): () => void {
  const { deadline = Infinity } = ctx;
  const run = runOf(ctx);
  const stop = run && addDeadlineListener(run, listener);
  const wait = deadline - asyncScheduler.now();
  const isFar = wait >= 2 ** 31; // a timer would fire at once
  const timer = isFar || enforces(run, deadline) ? undefined : asyncScheduler.schedule(listener, Math.max(0, wait));
  return () => {
    stop?.();
    timer?.unsubscribe();
  };
}

/** Whether the run, or a run around it, ends its calls no later than `deadline`. */
export function enforces(run: RunHandle | undefined, deadline: number): boolean {
  return run !== undefined && run.currentDeadline() <= deadline;
}

/** Whether a wait of `ms` from now on ends before the deadline of `ctx`. */
export function fitsDeadline(ctx: Context, ms: number): boolean {
  const { deadline = Infinity } = ctx;
  const now = asyncScheduler.now();
  const jumped = deadline < now && enforces(runOf(ctx), deadline); // the timer of the run counts, not the clock
  return jumped || now + ms < deadline;
}

/** Closes calls of a run. Work inside of the calls reads the reason in `run.closingError`. */
export function closeWith(run: RunHandle, error: unknown, close: () => void): void {
  const outer = run.closingError;
  run.closingError = error;
  try {
    close();
  } finally {
    run.closingError = outer;
  }
}

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

/**
 * The error of a call whose signal has aborted with `reason`.
 *
 * The caller cancels a whole run, which has then ended. While the run is in flight, the signal is one that the service made.
 */
export function abortErrorOf(ctx: Context, reason: unknown): unknown {
  return abortErrorIn(runOf(ctx), reason);
}

/** {@link abortErrorOf} for the context of `run`. */
export function abortErrorIn(run: RunHandle | undefined, reason: unknown): unknown {
  return run?.ended === false && !(reason instanceof CanceledError) ? reason : new CanceledError({ cause: reason });
}

/** Returns an error if too many runs are in flight around `ctx`: a stack overflow in the middle of an end would be silent. */
export function checkNesting(ctx: Context): Error | undefined {
  let runs = 0;
  for (let run = runOf(ctx); run; run = run.parent) runs++;
  if (runs < maxNesting) return undefined;
  return new RangeError(
    `run: expected at most ${String(maxNesting)} runs inside one another, got more: look for a service that calls itself`,
  );
}

const maxNesting = 100;

/** Counts a request that `service` sends again. */
export function countResend(run: RunHandle | undefined, service: string | undefined): void {
  if (!run || service === undefined) return;
  run.resends ??= new Map();
  run.resends.set(service, (run.resends.get(service) ?? 0) + 1);
}

/** A copy of `ctx` without its run and its signal, for work that may outlive both. The signal is not read. */
export function detached<Ctx extends Context>(ctx: Ctx): Omit<Ctx, 'signal'> {
  const { [controllerKey]: unused, ...rest } = withoutSignal<Context>(ctx) as HasController;
  return rest as Omit<Ctx, 'signal'>;
}
