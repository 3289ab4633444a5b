import { asyncScheduler, Observable, type Observer, type Subscriber, type Subscription, TimeoutError } from 'rxjs';
import { CanceledError } from '../errors/canceled-error.ts';
import { DeadlineExceededError } from '../errors/deadline-exceeded-error.ts';
import { toServiceError } from '../errors/service-error.ts';
import type { Emit, EventDetails } from '../observe/events.ts';
import { eventsOf, silent } from '../observe/logging.ts';
import { type AbortListener, LazyAbortController } from './abort/lazy-abort-controller.ts';
import { addAbortListener } from './abort/on-abort.ts';
import { checkCallerContext, withoutSignal, withSignal } from './abort/with-signal.ts';
import { background, type Context, serviceContext } from './context.ts';
import { abortErrorIn, addDeadlineListener, callDeadlineListeners, checkNesting, expireAfter } from './run-handle.ts';
import { enforces, type ReportType, type RunHandle, runOf, type RunPlan, timeoutAt } from './run-handle.ts';
import { type CallObserver, closeAll, type Failure, ForwardingObserver, ServiceCall } from './service-call.ts';

/** Returns a cold Observable: each subscription is a run. */
export function run<Out>(plan: RunPlan<Out>, caller: Context, input: unknown): Observable<Out> {
  return new Observable((subscriber) => {
    const invalid = checkCallerContext(caller) ?? checkNesting(caller);
    const ctx = invalid ? background : caller;
    new Run(plan, ctx, input, subscriber).start(ctx, invalid);
  });
}

/** Calls its services, joins their values, and ends once. The methods stand in the order in which a run meets them. */
class Run<Out> implements RunHandle, CallObserver, AbortListener, Observer<readonly unknown[]> {
  static #lastRun = 0;
  readonly run = ++Run.#lastRun;
  readonly startedAt = asyncScheduler.now();
  readonly ctx: Context;
  readonly parent: RunHandle | undefined;
  readonly deadlineHeader: string | undefined;
  readonly hasLogger: boolean;
  ended = false;
  currentService: string | undefined;
  deadlineListeners: Set<() => void> | undefined;
  closingError: unknown;
  resends: Map<string, number> | undefined;
  readonly #plan: RunPlan<Out>;
  readonly #subscriber: Subscriber<Out>;
  readonly #controller = new LazyAbortController(this);
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
  #lifetime: object | undefined;
  #listensTo: LazyAbortController | undefined;
  #stopSettling: (() => void) | undefined;

  constructor(plan: RunPlan<Out>, caller: Context, input: unknown, subscriber: Subscriber<Out>) {
    const { config, services, emit } = plan;
    this.#plan = plan;
    this.#input = input;
    this.#subscriber = subscriber;
    this.parent = runOf(caller);
    this.deadlineHeader = config.deadlineHeader ?? this.parent?.deadlineHeader;
    this.hasLogger = config.logger !== silent;
    const { deadline = Infinity } = caller;
    // The deadline of a parent in flight is past if the clock has jumped: then the parent's timer counts, not the clock.
    const jumped = deadline < this.startedAt && enforces(this.parent, deadline);
    this.#deadlineReporter = jumped ? undefined : this.parent;
    const inherited = jumped ? Infinity : deadline;
    const sooner = Math.min(inherited, this.startedAt + config.timeout);
    this.#deadline = sooner - this.startedAt < 2 ** 31 ? sooner : Infinity; // a later timer would fire at once
    // With 'each' the run's own timeout bounds the first values only, so the services do not get it.
    const ctx = serviceContext(withoutSignal(caller), emit === 'each' ? inherited : sooner, config.fetch);
    this.ctx = withSignal(ctx, this.#controller);
    this.#calls = services.map((service) => new ServiceCall(this, service));
    this.#emit = eventsOf(config, this, caller, input, this.startedAt);
  }

  get lifetime(): object {
    return (this.#lifetime ??= {});
  }

  start(caller: Context, invalid: Error | undefined): void {
    this.#emit('started');
    this.#subscriber.add(this);
    if (invalid) this.#end(invalid);
    if (!this.ended) this.#listensTo = addAbortListener(caller, this);
    if (!this.ended) this.#begin();
  }

  onAbort(reason: unknown): void {
    this.#end(abortErrorIn(this.parent, reason));
  }

  #begin(): void {
    if (this.#deadline > this.startedAt) this.#join();
    else if (this.postponesDeadline()) this.#joined = expireAfter(this);
    else this.expire();
  }

  #join(): void {
    if (this.#calls.some(({ isOptional }) => isOptional)) {
      this.#stopSettling = addDeadlineListener(this, () => {
        this.#settleOptional();
      });
    }
    const values = this.#calls.map((call) => call.values());
    this.#joined = this.#plan.join(values, timeoutAt(this.#deadline, this)).subscribe(new ForwardingObserver(this));
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
      call.enter();
    }
    this.#starting = false;
  }

  startCall(call: ServiceCall): void {
    this.#emit('started', call.name, undefined, () => {
      if (this.ended) return; // an event sink has ended the run
      const outer = this.currentService;
      this.currentService = call.name;
      call.start(this.ctx, this.#input);
      this.currentService = outer;
    });
    this.#reportTeardownErrors(call); // the call may have ended the run while it was being started
  }

  settled(call: ServiceCall, failure?: Failure): void {
    const failed = failure && !this.ended && !call.recover(failure, this.#input);
    if (failed) this.#end(toServiceError(call.name, this.#elapsed(), call.failure?.error), call.joined);
    if (this.ended) return;
    const wasRunning = call.state === 'running';
    call.state = 'completed';
    if (wasRunning) {
      this.#running--;
      this.#emit(failure ? 'failed' : 'succeeded', call.name, failure && { ...failure, optional: true });
      this.#reportTeardownErrors(call);
    }
    call.answer();
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
    if (!this.ended) this.#end(new CanceledError());
  }

  /**
   * Ends the run early in four steps: tear down, abort, emit events, notify. Aborting first would wake a `retry` in a service
   * that is still subscribed to. Notifying first would let a slow error handler delay the cancellation. The error of a call or of
   * the deadline goes to `out`, which passes it through the operators that join the calls.
   */
  #end(error: unknown, out: Subscriber<unknown> = this.#subscriber): void {
    if (this.ended) return;
    this.#release();
    const running = this.#calls.filter(({ state }) => state === 'running');
    const culprit = running.find(({ failure }) => failure);
    closeAll(this, running, error);
    this.#controller.abort(error);
    if (culprit) this.#emit('failed', culprit.name, culprit.failure);
    for (const call of running) if (call !== culprit) this.#emit('canceled', call.name);
    for (const call of running) this.#reportTeardownErrors(call);
    this.#emit(error instanceof CanceledError ? 'canceled' : 'failed', undefined, { error }, () => {
      if (!this.#subscriber.closed) out.error(error);
    });
    this.#joined?.unsubscribe();
  }

  /** Marks the run as ended and drops what it holds: a user may keep an event or the context, which refer to the run. */
  #release(): void {
    this.ended = true;
    this.#lifetime = undefined;
    this.#listensTo?.remove(this);
    this.#stopSettling?.();
    this.#input = undefined;
    for (const call of this.#calls) call.joined = undefined;
  }

  expire(out?: Subscriber<unknown>): void {
    this.#end(this.#deadlineExceeded(), out);
  }

  /** Waits for a parent that is about to report the deadline: its error names all that the parent waited for. */
  postponesDeadline(): boolean {
    callDeadlineListeners(this);
    return enforces(this.#deadlineReporter, this.#deadline);
  }

  #settleOptional(): void {
    const pending = this.#pending();
    if (this.ended || !pending.every((call) => call.isOptional && call.joined)) return;
    const error = this.#deadlineExceeded();
    this.#nextCall = this.#calls.length; // queued calls do not start
    closeAll(this, pending, error);
    for (const call of pending) if (call.state !== 'completed') this.settled(call, { error });
  }

  #deadlineExceeded(): DeadlineExceededError {
    const pending = this.#pending().map(({ name }) => name);
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- RxJS makes this error itself only if `with` is missing
    return new DeadlineExceededError({ pending, elapsed: this.#elapsed(), cause: new TimeoutError() });
  }

  /** The calls that the deadline waits for: for their first values if the run emits each. */
  #pending(): readonly ServiceCall[] {
    return this.#calls.filter(this.#isPending, this);
  }

  #isPending(call: ServiceCall): boolean {
    return this.#plan.emit === 'each' ? !call.hasValue : call.state !== 'completed';
  }

  currentDeadline(): number {
    const own = !this.ended && this.#calls.some(this.#isPending, this) ? this.#deadline : Infinity;
    return Math.min(own, this.parent?.currentDeadline() ?? Infinity);
  }

  #elapsed(): number {
    return Math.max(0, asyncScheduler.now() - this.startedAt);
  }

  report(type: ReportType, service: string | undefined, details: EventDetails): void {
    const call = this.#calls.find(({ name, state }) => name === service && state === 'running');
    if (type === 'teardown-failed' && call && !this.ended) call.onTeardownError(details.error);
    else this.#emit(type, service, details);
  }

  #reportTeardownErrors(call: ServiceCall): void {
    call.takeTeardownErrors()?.forEach((error) => {
      this.#emit('teardown-failed', call.name, { error });
    });
  }
}
