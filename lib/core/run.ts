import { asyncScheduler, Observable, type SchedulerAction, type SchedulerLike } from 'rxjs';
import { type Subscriber, Subscription, TimeoutError } from 'rxjs';
import { CanceledError } from '../errors/canceled-error.ts';
import { DeadlineExceededError } from '../errors/deadline-exceeded-error.ts';
import { toServiceError } from '../errors/service-error.ts';
import type { Emit } from '../observe/events.ts';
import { eventsOf } from '../observe/logging.ts';
import { checkCallerContext, LazyAbortController, onAbort, withoutSignal, withSignal } from './abort.ts';
import { background, type Context, serviceContext } from './context.ts';
import type { AggregateConfig } from './options.ts';
import { bindToRun, type RunHandle, runOf, withRun } from './run-handle.ts';
import { type CallObserver, errorsOf, type Failure, ServiceCall } from './service-call.ts';

/** What a run does: which services it calls, and how it joins their values. */
export interface RunPlan<Out> {
  readonly config: AggregateConfig;
  readonly names: readonly string[];
  readonly call: (index: number, ctx: Context, input: unknown) => unknown;
  /** Subscribes to all calls in order. Its errors are those of the calls and of the deadline. */
  readonly join: (calls: readonly Observable<unknown>[], deadline: Deadline) => Observable<readonly unknown[]>;
  /** Makes the answer from the values, which are in the order of the services, with holes where there is no value yet. */
  readonly answer: (values: readonly unknown[]) => Out;
  /** Whether the run emits its last joined values when it has succeeded, or each of them at once. */
  readonly emit: 'last' | 'each';
}

/** The deadline of a run, as the configuration of RxJS's `timeout`. */
export interface Deadline {
  readonly first: number | Date;
  readonly scheduler: SchedulerLike;
  readonly with: () => Observable<never>;
}

/** Returns a cold Observable: each subscription is a run. */
export function run<Out>(plan: RunPlan<Out>, caller: Context, input: unknown): Observable<Out> {
  return new Observable((subscriber) => {
    new Run(plan, caller, input, subscriber).start(caller);
  });
}

type Work = (this: SchedulerAction<unknown>, state?: unknown) => void;

let lastRun = 0;

/** Calls its services, joins their answers, and ends once. */
class Run<Out> implements RunHandle, CallObserver {
  readonly run = ++lastRun;
  readonly ctx: Context;
  readonly parent: RunHandle | undefined;
  ended = false;
  currentService: string | undefined;
  readonly #plan: RunPlan<Out>;
  readonly #subscriber: Subscriber<Out>;
  readonly #invalid: Error | undefined;
  readonly #controller = new LazyAbortController((signal) => bindToRun(signal, this));
  readonly #startedAt = asyncScheduler.now();
  /** Epoch milliseconds, or `Infinity`. */
  readonly #deadline: number;
  /** The run that reports the deadline instead of this one, as long as it enforces the same deadline or a sooner one. */
  readonly #deadlineOwner: RunHandle | undefined;
  readonly #emit: Emit;
  readonly #calls: readonly ServiceCall[];
  #input: unknown;
  #values: readonly unknown[] | undefined;
  #nextCall = 0;
  #running = 0;
  #starting = false;
  #joined: Subscription | undefined;
  #timer: Subscription | undefined;
  #stopListening: (() => void) | undefined;

  constructor(plan: RunPlan<Out>, caller: Context, input: unknown, subscriber: Subscriber<Out>) {
    const { config, names, emit } = plan;
    this.#invalid = checkCallerContext(caller);
    const valid = this.#invalid ? background : caller;
    this.#plan = plan;
    this.#input = input;
    this.#subscriber = subscriber;
    this.parent = runOf(valid);
    const { deadline = Infinity } = valid;
    // The clock has jumped where the deadline of a parent in flight has passed: the parent's timer counts, not the clock.
    const jumped = deadline < this.#startedAt && this.parent?.enforces(deadline) === true;
    const inherited = jumped ? Infinity : deadline;
    this.#deadline = Math.min(inherited, this.#startedAt + config.timeout);
    this.#deadlineOwner = jumped ? undefined : this.parent;
    // With 'each' the deadline bounds the first values only, so the services do not get it.
    const ctx = serviceContext(withoutSignal(valid), emit === 'each' ? inherited : this.#deadline, config.fetch);
    this.ctx = withSignal(withRun(ctx, this), this.#controller);
    this.#calls = names.map((name, index) => new ServiceCall(this, index, name));
    this.#emit = eventsOf(config, this, caller, input, this.#startedAt);
  }

  // The life of a run, from its start to its end

  start(caller: Context): void {
    this.#emit('started');
    this.#subscriber.add(() => {
      if (!this.ended) this.#end('canceled', new CanceledError());
    });
    if (this.#invalid) this.#end('failed', this.#invalid);
    if (this.ended) return;
    this.#stopListening = onAbort(caller, (cause) => {
      this.#end('canceled', new CanceledError({ cause }));
    });
    if (this.ended)
      this.#stopListening(); // the listener was called before there was a function to remove it
    else if (this.#deadline > this.#startedAt) this.#join();
    else this.#failLate();
  }

  #join(): void {
    const calls = this.#calls.map(
      (call) =>
        new Observable<unknown>((port) => {
          call.port = port;
          this.#startCalls();
        }),
    );
    this.#joined = this.#plan.join(calls, this.#timeoutConfig()).subscribe({
      next: (values) => {
        if (this.#plan.emit === 'last') this.#values = values;
        else this.#subscriber.next(this.#plan.answer(values));
      },
      error: (error: unknown) => {
        this.#subscriber.error(error);
      },
      complete: () => {
        this.#succeed();
      },
    });
    if (this.ended) this.#joined.unsubscribe();
  }

  /** A loop, not a recursion: thousands of synchronous services may be queued behind an asynchronous one. */
  #startCalls(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (!this.ended && this.#running < this.#plan.config.concurrency) {
      const call = this.#calls[this.#nextCall];
      if (!call?.port) break;
      this.#nextCall++;
      this.#startCall(call);
    }
    this.#starting = false;
  }

  #startCall(call: ServiceCall): void {
    this.#running++;
    call.state = 'running';
    this.#emit('started', call.name, undefined, () => {
      if (this.ended) return; // an event sink has ended the run
      const outer = this.currentService;
      this.currentService = call.name;
      call.start();
      this.currentService = outer;
    });
    this.#reportTeardownErrors(call); // of a call that ended the run while it was being started
  }

  invoke({ index }: ServiceCall): unknown {
    return this.#plan.call(index, this.ctx, this.#input);
  }

  settled(call: ServiceCall, failure?: Failure): void {
    if (this.ended) return;
    if (failure) {
      this.#end('failed', toServiceError(call.name, this.#elapsed(), failure.error), call.port, call, failure);
      return;
    }
    this.#running--;
    call.state = 'completed';
    this.#emit('succeeded', call.name);
    this.#reportTeardownErrors(call);
    if (this.ended) return; // an event sink has ended the run
    call.port?.complete();
    this.#startCalls();
  }

  /** The run ends before it emits, so a subscriber that unsubscribes in `next` cancels nothing. */
  #succeed(): void {
    this.#release();
    const values = this.#values;
    for (const call of this.#calls) this.#reportTeardownErrors(call);
    this.#emit('succeeded', undefined, undefined, () => {
      this.#values = undefined;
      if (values) this.#subscriber.next(this.#plan.answer(values));
      this.#subscriber.complete();
    });
  }

  /**
   * Ends the run early in four steps: tear down, abort, emit events, notify. Aborting first would wake a `retry` in a service
   * that is still subscribed to. Notifying first would let a slow error handler delay the cancellation.
   *
   * The error of a call and that of the deadline reach the subscriber through what joins the calls: `pipeline` leads there.
   */
  #end(
    type: 'failed' | 'canceled',
    error: unknown,
    pipeline: Subscriber<unknown> = this.#subscriber,
    culprit?: ServiceCall,
    failure?: Failure,
  ): void {
    if (this.ended) return;
    this.#release();
    const running = this.#calls.filter(({ state }) => state === 'running');
    for (const call of running) call.close();
    this.#controller.abort(error);
    if (culprit) this.#emit('failed', culprit.name, failure);
    for (const call of running) {
      if (call !== culprit) this.#emit('canceled', call.name);
    }
    for (const call of this.#calls) this.#reportTeardownErrors(call);
    this.#emit(type, undefined, { error }, () => {
      if (!this.#subscriber.closed) pipeline.error(error);
    });
    this.#joined?.unsubscribe();
  }

  /** Marks the run as ended, and drops what it holds: whoever keeps one of its events or its context keeps the run. */
  #release(): void {
    this.ended = true;
    this.#timer?.unsubscribe();
    this.#stopListening?.();
    this.#input = undefined;
    for (const call of this.#calls) call.port = undefined;
  }

  // The deadline

  /** `timeout` sets its timer after the services have started, so that a value at the deadline wins. */
  #timeoutConfig(): Deadline {
    return {
      first: this.#deadline === Infinity ? Infinity : new Date(Math.ceil(this.#deadline)),
      scheduler: { now: () => asyncScheduler.now(), schedule: (work, delay) => this.#setTimer(work as Work, delay) },
      with: () =>
        new Observable((subscriber) => {
          this.#end('failed', this.#deadlineExceeded(), subscriber);
        }),
    };
  }

  /** The deadline has passed before the start: no service is called. */
  #failLate(): void {
    const fail = (): void => this.#end('failed', this.#deadlineExceeded());
    if (this.#parentReports()) this.#setTimer(fail);
    else fail();
  }

  #parentReports(): boolean {
    return this.#deadlineOwner?.enforces(this.#deadline) === true;
  }

  /**
   * Differs from `asyncScheduler` in three ways. An ended run gets no timer. A delay of 2^31 ms or more, which would fire at
   * once, gets none either. And when the timer fires, but the parent enforces the same deadline, it waits for the parent,
   * whose timer is due in the same millisecond: the parent's error names all that was pending.
   */
  #setTimer(work: Work, delay = 0): Subscription {
    if (this.ended || delay >= 2 ** 31) return Subscription.EMPTY;
    const parentReports = (): boolean => this.#parentReports();
    this.#timer = asyncScheduler.schedule(
      function (this: SchedulerAction<unknown>, state) {
        if (parentReports()) this.schedule(state, 0);
        else work.call(this, state);
      },
      Math.max(0, delay), // negative after a service has blocked: Node warns of a negative delay
    );
    return this.#timer;
  }

  #deadlineExceeded(): DeadlineExceededError {
    const isPending = ({ state, hasValue }: ServiceCall): boolean =>
      this.#plan.emit === 'each' ? !hasValue : state !== 'completed';
    const pending = this.#calls.filter(isPending).map(({ name }) => name);
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- `timeout` makes one only where it has no `with`
    return new DeadlineExceededError({ pending, elapsed: this.#elapsed(), cause: new TimeoutError() });
  }

  enforces(deadline: number): boolean {
    const own = !this.ended && this.#deadline <= deadline && this.#timer?.closed !== true;
    return own || this.parent?.enforces(deadline) === true;
  }

  #elapsed(): number {
    return Math.max(0, asyncScheduler.now() - this.#startedAt);
  }

  // Teardowns that throw

  teardownFailed(service: string | undefined, error: unknown): void {
    const call = this.#calls.find(({ name, state }) => name === service && state === 'running');
    if (call) call.keepTeardownError(error);
    else for (const one of errorsOf(error)) this.#emit('teardown-failed', service, { error: one });
  }

  #reportTeardownErrors(call: ServiceCall): void {
    const errors = call.teardownErrors ?? [];
    call.teardownErrors = undefined;
    for (const error of errors) this.#emit('teardown-failed', call.name, { error });
  }
}
