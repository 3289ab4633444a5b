import { EMPTY, from, isObservable, Observable, type Observer, type Subscribable } from 'rxjs';
import { type Subscriber, throwIfEmpty } from 'rxjs';
import { attempt, read } from '../errors/foreign.ts';
import { describeType, hasMethod, ignoreRejection, isPromiseLike } from './assert.ts';
import { captureAsyncContext, type Context, type RunInContext } from './context.ts';
import { closeWith, type NamedService, type RunHandle } from './run-handle.ts';

export interface Failure {
  readonly error: unknown;
}

/** The run that owns a service call. */
export interface CallObserver {
  readonly ended: boolean;
  /** Starts as many queued calls as may run. */
  startCalls(): void;
  /** Starts a call, and reports it. */
  startCall(call: ServiceCall): void;
  /** Called once for each call that was started, when its service has completed or failed, unless the run closed it first. */
  settled(call: ServiceCall, failure?: Failure): void;
}

/** One service in one run, and the observer of what the service returns. */
export class ServiceCall implements SourceObserver<unknown> {
  state: 'queued' | 'running' | 'completed' = 'queued';
  hasValue = false;
  /** The failure that ends the run. */
  failure: Failure | undefined;
  /** Receives the values. */
  joined: Subscriber<unknown> | undefined;
  subscription: Subscriber<unknown> | undefined;
  readonly #run: CallObserver;
  readonly #service: NamedService;
  /** They must reach neither the other services nor the outcome. */
  #teardownErrors: unknown[] | undefined;
  /** Runs an action in the async context of the run: a queued call starts on the stack of the call before it. */
  #inContext: RunInContext | undefined;
  #closed = false;
  #subscribing = false;
  #outcome: { readonly failure: Failure | undefined } | undefined;
  #replacement: { readonly value: unknown } | undefined;

  constructor(run: CallObserver, service: NamedService) {
    this.#run = run;
    this.#service = service;
  }

  get name(): string {
    return this.#service.name;
  }

  get isOptional(): boolean {
    return this.#service.fallback !== undefined;
  }

  /** The values of the service, for the operator that joins the calls. */
  values(): Observable<unknown> {
    return new Observable((joined) => {
      this.joined = joined;
      this.#run.startCalls();
      if (this.state === 'queued' && !this.#run.ended) this.#inContext = captureAsyncContext();
    });
  }

  /** Has the run start this call. */
  enter(): void {
    this.state = 'running';
    if (!this.#inContext) this.#run.startCall(this);
    else {
      this.#inContext(() => {
        this.#run.startCall(this);
      });
    }
  }

  /** Calls the service and subscribes to what it returns. */
  start(ctx: Context, input: unknown): void {
    let source: Observable<unknown>;
    try {
      const returned = this.#service.call(ctx, input);
      if (this.#closed) {
        ignoreRejection(returned); // the service itself has ended the run
        return;
      }
      source = toObservable(returned as Observable<unknown>);
    } catch (error) {
      this.#run.settled(this, { error });
      return;
    }
    this.#subscribing = true;
    subscribeTo(source, this);
    this.#subscribing = false;
    if (this.#outcome) this.#run.settled(this, this.#outcome.failure);
  }

  next(value: unknown): void {
    this.hasValue = true;
    this.joined?.next(value);
  }

  /** Replaces the failure of an optional service with a value. Returns `false` if there is none: also if the fallback throws. */
  recover(failure: Failure, input: unknown): boolean {
    const { fallback } = this.#service;
    try {
      if (fallback) this.#replacement = { value: fallback(failure.error, input) };
      else this.failure = failure;
    } catch (error) {
      this.failure = { error };
    }
    return !this.failure;
  }

  /** Completes for the operator that joins the calls. */
  answer(): void {
    if (this.#replacement) this.next(this.#replacement.value);
    const { joined } = this;
    this.joined = undefined;
    joined?.complete();
  }

  error(error: unknown): void {
    this.#settle({ error });
  }

  complete(): void {
    if (this.hasValue) this.#settle(undefined);
    else EMPTY.pipe(throwIfEmpty()).subscribe(new ForwardingObserver(this)); // RxJS's `EmptyError`: its constructor is internal
  }

  /** Unsubscribes from the service, and keeps nothing of it: the run may wait long for its other calls. */
  close(): void {
    this.#closed = true;
    const { subscription } = this;
    this.subscription = undefined;
    try {
      subscription?.unsubscribe();
    } catch (error) {
      this.onTeardownError(error);
    }
  }

  #settle(failure: Failure | undefined): void {
    this.close(); // RxJS would do it later, in the producer's stack, where a teardown's error is lost
    // A source that ends synchronously returns its teardown only afterwards: wait for the teardown.
    if (this.#subscribing) this.#outcome = { failure };
    else this.#run.settled(this, failure);
  }

  /** Keeps an error that a teardown threw, for the run to report it when the call has settled. */
  onTeardownError(error: unknown): void {
    this.#teardownErrors = (this.#teardownErrors ?? []).concat(errorsOf(error));
  }

  takeTeardownErrors(): readonly unknown[] | undefined {
    const errors = this.#teardownErrors;
    this.#teardownErrors = undefined;
    return errors;
  }
}

let tearingDown = false;

/** Unsubscribes from services of a run one after another, because of `error`. */
export function closeAll(run: RunHandle, calls: readonly ServiceCall[], error: unknown): void {
  const outer = tearingDown;
  tearingDown = true;
  closeWith(run, error, () => {
    for (const call of calls) call.close();
  });
  tearingDown = outer;
}

/** Whether a run is closing its calls now. Some of them are still waiting in queues, and must not start. */
export function isTearingDown(): boolean {
  return tearingDown;
}

/** The errors that teardowns threw: each copy of RxJS joins them in an error of its own. */
export function errorsOf(error: unknown, depth = 3): readonly unknown[] {
  if (depth === 0 || read(error, 'name') !== 'UnsubscriptionError') return [error];
  const errors = read(error, 'errors') as readonly unknown[];
  return attempt(() => errors.flatMap((one) => errorsOf(one, depth - 1)), [error]);
}

/**
 * Returns an Observable of this copy of RxJS that mirrors what a service returned.
 *
 * Accepts less than RxJS's `from`, for which a string or an array is a sequence: `from('Alice')` would emit `'e'` last.
 */
export function toObservable<T>(returned: Observable<T> | PromiseLike<T>): Observable<T> {
  const source: unknown = returned;
  if (source instanceof Observable) return returned as Observable<T>;
  // Another copy of RxJS may use another interop symbol: subscribe without the symbol.
  if (isObservable(source)) return new Observable((subscriber) => source.subscribe(subscriber as never));
  const key = interopKeyOf(source);
  if (key !== undefined) {
    const interop = source as Record<PropertyKey, () => Subscribable<T>>;
    return new Observable((subscriber) => interop[key]?.().subscribe(subscriber));
  }
  if (isPromiseLike(source)) return from(Promise.resolve(source) as Promise<T>); // a `then` may throw, or return nothing
  const type = describeType(source);
  throw new TypeError(`expected an Observable or a promise, got ${type}: wrap it in of(...) or fromAbortable(...)`);
}

/** Whether `value` is an Observable, also one of another copy of RxJS or of another library. */
export function isAnyObservable(value: unknown): boolean {
  return isObservable(value) || interopKeyOf(value) !== undefined;
}

/** The key of the method that returns an Observable. Reads `Symbol.observable` late: RxJS misses a polyfill that loads after RxJS. */
function interopKeyOf(value: unknown): PropertyKey | undefined {
  const polyfilled = (Symbol as { observable?: symbol }).observable;
  return ['@@observable', ...(polyfilled ? [polyfilled] : [])].find((key) => hasMethod(value, key));
}

/** Receives what a source emits, and what its teardown throws. */
export interface SourceObserver<T> extends Observer<T> {
  /** Assigned before the source is subscribed to, so that an endless synchronous source can be unsubscribed from. */
  subscription: Subscriber<T> | undefined;
  /** Called where a source that has already ended throws while it is being subscribed to. */
  onTeardownError(error: unknown): void;
}

/** Subscribes to `source`. A `subscribe` that throws is an error of the source. */
export function subscribeTo<T>(source: Observable<T>, observer: SourceObserver<T>): void {
  new Observable<T>((subscriber) => {
    observer.subscription = subscriber;
    try {
      source.subscribe(subscriber);
    } catch (error) {
      if (subscriber.closed) observer.onTeardownError(error);
      else subscriber.error(error);
    }
  }).subscribe(new ForwardingObserver(observer));
}

/**
 * Calls the same methods of another observer. With `config.useDeprecatedNextContext` RxJS calls the methods on a copy, which has
 * no private fields. An object with three closures would do too, and weigh eight times as much.
 */
export class ForwardingObserver<T> implements Observer<T> {
  private readonly to: Observer<T>;

  constructor(to: Observer<T>) {
    this.to = to;
  }

  next(value: T): void {
    this.to.next(value);
  }

  error(error: unknown): void {
    this.to.error(error);
  }

  complete(): void {
    this.to.complete();
  }
}
