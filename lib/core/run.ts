import { asyncScheduler, Observable, type Observer, type SchedulerLike } from 'rxjs';
import { type Subscriber, type Subscription, TimeoutError } from 'rxjs';
import { CanceledError } from '../errors/canceled-error.ts';
import { DeadlineExceededError } from '../errors/deadline-exceeded-error.ts';
import { toServiceError } from '../errors/service-error.ts';
import type { Emit } from '../observe/events.ts';
import { eventsOf } from '../observe/logging.ts';
import { checkCallerContext, LazyAbortController, onAbort, withoutSignal, withSignal } from './abort.ts';
import { background, type Context, serviceContext } from './context.ts';
import { type Deadline, deadlineScheduler, deadlineSchedulerAfter } from './run-handle.ts';
import { type RunHandle, runOf, type RunPlan } from './run-handle.ts';
import { type CallObserver, closeAll, errorsOf, ForwardingObserver, ServiceCall } from './service-call.ts';

/** Returns a cold Observable: each subscription is a run. */
export function run<Out>(plan: RunPlan<Out>, caller: Context, input: unknown): Observable<Out> {
  return new Observable((subscriber) => {
    const invalid = checkCallerContext(caller);
    const ctx = invalid ? background : caller;
    new Run(plan, ctx, input, subscriber).start(ctx, invalid);
  });
}

let lastRun = 0;

/** Calls its services, joins their values, and ends once. The methods stand in the order in which a run meets them. */
class Run<Out> implements RunHandle, CallObserver, Observer<readonly unknown[]> {
  readonly run = ++lastRun;
  readonly ctx: Context;
  readonly parent: RunHandle | undefined;
  ended = false;
  lifetime = {};
  currentService: string | undefined;
  readonly #plan: RunPlan<Out>;
  readonly #subscriber: Subscriber<Out>;
  readonly #controller = new LazyAbortController(this);
  readonly #startedAt = asyncScheduler.now();
  readonly #deadline: number;
  /** The parent, if it may report the deadline in place of this run. */
  readonly #deadlineReporter: RunHandle | undefined;
  readonly #emit: Emit;
  readonly #calls: readonly ServiceCall[];
  #input: unknown;
  #values: readonly unknown[] | undefined;
  #nextCall = 0;
  #running = 0;
  #starting = false;
  #joined: Subscription | undefined;
  #stopListening: (() => void) | undefined;

  constructor(plan: RunPlan<Out>, caller: Context, input: unknown, subscriber: Subscriber<Out>) {
    const { config, names, emit } = plan;
    this.#plan = plan;
    this.#input = input;
    this.#subscriber = subscriber;
    this.parent = runOf(caller);
    const { deadline = Infinity } = caller;
    // The deadline of a parent in flight is past if the clock has jumped: then the parent's timer counts, not the clock.
    const jumped = deadline < this.#startedAt && this.parent?.enforces(deadline) === true;
    const inherited = jumped ? Infinity : deadline;
    const sooner = Math.min(inherited, this.#startedAt + config.timeout);
    this.#deadline = sooner - this.#startedAt < 2 ** 31 ? sooner : Infinity; // a later timer would fire at once
    this.#deadlineReporter = jumped ? undefined : this.parent;
    // With 'each' the run's own timeout bounds the first values only, so the services do not get it.
    const ctx = serviceContext(withoutSignal(caller), emit === 'each' ? inherited : sooner, config.fetch);
    this.ctx = withSignal(ctx, this.#controller);
    this.#calls = names.map((name, index) => new ServiceCall(this, index, name));
    this.#emit = eventsOf(config, this, caller, input, this.#startedAt);
  }

  start(caller: Context, invalid: Error | undefined): void {
    this.#emit('started');
    this.#subscriber.add(this);
    if (invalid) this.#end('failed', invalid);
    if (!this.ended) {
      this.#stopListening = onAbort(caller, (cause) => {
        this.#end('canceled', new CanceledError({ cause }));
      });
    }
    if (!this.ended) this.#begin();
  }

  #begin(): void {
    const fail = (): void => {
      this.#end('failed', this.#deadlineExceeded());
    };
    if (this.#deadline > this.#startedAt) this.#join();
    else if (this.#parentReports()) this.#joined = this.#scheduler().schedule(fail);
    else fail();
  }

  #join(): void {
    const calls = this.#calls.map(({ values }) => values);
    this.#joined = this.#plan.join(calls, this.#timeoutConfig()).subscribe(new ForwardingObserver(this));
    if (this.ended) this.#joined.unsubscribe();
  }

  /** A loop, not a recursion: thousands of synchronous services may be queued. After the end, `forkJoin` still subscribes. */
  startCalls(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (!this.ended && this.#running < this.#plan.config.concurrency) {
      const call = this.#calls[this.#nextCall];
      if (!call?.joined) break;
      this.#nextCall++;
      this.#running++;
      call.state = 'running';
      this.#emit('started', call.name, undefined, () => {
        if (this.ended) return; // an event sink has ended the run
        const outer = this.currentService;
        this.currentService = call.name;
        call.start();
        this.currentService = outer;
      });
      this.#reportTeardownErrors(call); // the call may have ended the run while it was being started
    }
    this.#starting = false;
  }

  invoke({ index }: ServiceCall): unknown {
    return this.#plan.call(index, this.ctx, this.#input);
  }

  settled(call: ServiceCall, failure?: { readonly error: unknown }): void {
    if (this.ended) return;
    if (failure) {
      this.#end('failed', toServiceError(call.name, this.#elapsed(), failure.error), call.joined, call, failure);
      return;
    }
    this.#running--;
    call.state = 'completed';
    this.#emit('succeeded', call.name);
    this.#reportTeardownErrors(call);
    call.joined?.complete();
    this.startCalls();
  }

  next(values: readonly unknown[]): void {
    if (this.#plan.emit === 'last') this.#values = values;
    else this.#subscriber.next(this.#plan.answer(values));
  }

  /** Receives the error of a call or of the deadline: the run has ended. */
  error(error: unknown): void {
    this.#subscriber.error(error);
  }

  /** All calls have completed. The run ends before it emits, so a subscriber that unsubscribes in `next` cancels nothing. */
  complete(): void {
    this.#release();
    const values = this.#values;
    this.#values = undefined;
    this.#emit('succeeded', undefined, undefined, () => {
      if (values) this.#subscriber.next(this.#plan.answer(values));
      this.#subscriber.complete();
    });
  }

  /** The subscriber has unsubscribed, or has been notified. */
  unsubscribe(): void {
    if (!this.ended) this.#end('canceled', new CanceledError());
  }

  /**
   * Ends the run early in four steps: tear down, abort, emit events, notify. Aborting first would wake a `retry` in a service
   * that is still subscribed to. Notifying first would let a slow error handler delay the cancellation.
   *
   * @param out - Where the error goes. The error of a call and that of the deadline reach the subscriber through the pipeline
   * that joins the calls.
   */
  #end(
    type: 'failed' | 'canceled',
    error: unknown,
    out: Subscriber<unknown> = this.#subscriber,
    culprit?: ServiceCall,
    failure?: { readonly error: unknown },
  ): void {
    if (this.ended) return;
    this.#release();
    const running = this.#calls.filter(({ state }) => state === 'running');
    closeAll(running);
    this.#controller.abort(error);
    if (culprit) this.#emit('failed', culprit.name, failure);
    for (const call of running) if (call !== culprit) this.#emit('canceled', call.name);
    for (const call of running) this.#reportTeardownErrors(call);
    this.#emit(type, undefined, { error }, () => {
      if (!this.#subscriber.closed) out.error(error);
    });
    this.#joined?.unsubscribe();
  }

  /** Marks the run as ended and drops what it holds: a user may keep an event or the context, and both refer to the run. */
  #release(): void {
    this.ended = true;
    this.lifetime = {};
    this.#stopListening?.();
    this.#input = undefined;
    for (const call of this.#calls) call.joined = undefined;
  }

  /** `timeout` sets its timer after the services have started, so that a value at the deadline wins. */
  #timeoutConfig(): Deadline {
    return {
      first: this.#deadline === Infinity ? Infinity : new Date(Math.ceil(this.#deadline)),
      scheduler: this.#scheduler(),
      with: () =>
        new Observable((out) => {
          this.#end('failed', this.#deadlineExceeded(), out);
        }),
    };
  }

  /** Waits at the deadline while the parent is about to report it: the parent's error names all that the parent waited for. */
  #scheduler(): SchedulerLike {
    return this.#deadlineReporter ? deadlineSchedulerAfter(() => this.#parentReports()) : deadlineScheduler;
  }

  #parentReports(): boolean {
    return this.#deadlineReporter?.enforces(this.#deadline) === true;
  }

  #deadlineExceeded(): DeadlineExceededError {
    const pending = this.#calls.filter((call) => this.#isPending(call)).map(({ name }) => name);
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- RxJS makes this error itself only if `with` is missing
    return new DeadlineExceededError({ pending, elapsed: this.#elapsed(), cause: new TimeoutError() });
  }

  /** Whether the deadline waits for the call: for its first value if the run emits each. */
  #isPending({ hasValue, state }: ServiceCall): boolean {
    return this.#plan.emit === 'each' ? !hasValue : state !== 'completed';
  }

  enforces(deadline: number): boolean {
    const own = !this.ended && this.#deadline <= deadline && this.#calls.some((call) => this.#isPending(call));
    return own || this.parent?.enforces(deadline) === true;
  }

  #elapsed(): number {
    return Math.max(0, asyncScheduler.now() - this.#startedAt);
  }

  teardownFailed(service: string | undefined, error: unknown): void {
    const call = this.#calls.find(({ name, state }) => name === service && state === 'running');
    if (call) call.onTeardownError(error);
    else for (const one of errorsOf(error)) this.#emit('teardown-failed', service, { error: one });
  }

  #reportTeardownErrors(call: ServiceCall): void {
    for (const error of call.takeTeardownErrors()) this.#emit('teardown-failed', call.name, { error });
  }
}
