import { EMPTY, Observable, type Subscriber, throwIfEmpty, UnsubscriptionError } from 'rxjs';
import { ignoreRejection } from './assert.ts';
import { ForwardingObserver, type SourceObserver, subscribeTo, toObservable } from './service.ts';

export interface Failure {
  readonly error: unknown;
}

/** The run that owns a service call. */
export interface CallObserver {
  /** Starts as many queued calls as may run. */
  startCalls(): void;
  /** Calls the service. Throws what the service throws. */
  invoke(call: ServiceCall): unknown;
  /** Called once for each call that was started, when its service has completed or failed, unless the run closed it first. */
  settled(call: ServiceCall, failure?: Failure): void;
}

/** One service in one run, and the observer of what the service returns. */
export class ServiceCall implements SourceObserver<unknown> {
  readonly index: number;
  readonly name: string;
  state: 'queued' | 'running' | 'completed' = 'queued';
  hasValue = false;
  /** The values of the service, for the operator that joins the calls. */
  readonly values: Observable<unknown> = new Observable<unknown>((joined) => {
    this.joined = joined;
    this.#run.startCalls();
  });
  /** Receives the values. */
  joined: Subscriber<unknown> | undefined;
  source: Subscriber<unknown> | undefined;
  readonly #run: CallObserver;
  /** They must reach neither the other services nor the outcome. */
  #teardownErrors: unknown[] | undefined;
  #closed = false;
  #subscribing = false;
  #outcome: { readonly failure: Failure | undefined } | undefined;

  constructor(run: CallObserver, index: number, name: string) {
    this.#run = run;
    this.index = index;
    this.name = name;
  }

  /** Calls the service and subscribes to what it returns. */
  start(): void {
    let source: Observable<unknown>;
    try {
      const returned = this.#run.invoke(this);
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

  error(error: unknown): void {
    this.#settle({ error });
  }

  complete(): void {
    if (this.hasValue) this.#settle(undefined);
    else EMPTY.pipe(throwIfEmpty()).subscribe(new ForwardingObserver(this)); // RxJS's `EmptyError`: its constructor is internal
  }

  /** Unsubscribes from the service. */
  close(): void {
    this.#closed = true;
    try {
      this.source?.unsubscribe();
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
    (this.#teardownErrors ??= []).push(...errorsOf(error));
  }

  takeTeardownErrors(): readonly unknown[] {
    const errors = this.#teardownErrors ?? [];
    this.#teardownErrors = undefined;
    return errors;
  }
}

/** The errors that teardowns threw: RxJS joins them in one. */
export function errorsOf(error: unknown): readonly unknown[] {
  return error instanceof UnsubscriptionError ? (error.errors as unknown[]) : [error];
}
