import { isObservable, Observable, type Subscriber } from 'rxjs';
import { CanceledError } from '../errors/canceled-error.ts';
import { type AbortListener, LazyAbortController } from './abort/lazy-abort-controller.ts';
import { addAbortListener } from './abort/on-abort.ts';
import { reportError, reportErrors } from './abort/report-errors.ts';
import { checkCallerContext } from './abort/with-signal.ts';
import { isPromiseLike, mismatch } from './assert.ts';
import type { Context } from './context.ts';
import { abortErrorOf, runOf } from './run-handle.ts';
import { errorsOf, type SourceObserver, subscribeTo, toObservable } from './service-call.ts';

/**
 * Makes a cold, cancellable Observable of a function that takes an `AbortSignal`: a database driver, an SDK, a timer.
 *
 * Emits the value of the promise, or the last value of an Observable, and completes. Errors with the promise's or the Observable's
 * error, and with `CanceledError` when `ctx.signal` aborts. The signal that `start` receives aborts on every early end: on
 * unsubscribing, when `ctx.signal` aborts, and on an error. The function does not read `ctx.deadline`; `aggregate` does.
 *
 * @param ctx - The context. If its signal has aborted, `start` is not called.
 * @param start - Called once for each subscription.
 *
 * @example
 * ```ts
 * import { setTimeout } from 'node:timers/promises';
 * import { background, fromAbortable } from 'forkfast';
 *
 * const answer = fromAbortable(background, (signal) => setTimeout(1, 'Alice', { signal }));
 *
 * answer.subscribe(console.log); // => Alice
 * ```
 */
export function fromAbortable<T>(
  ctx: Context,
  start: (signal: AbortSignal) => PromiseLike<T> | Observable<T>,
): Observable<T> {
  return abortableInRun(ctx, start, teardownReporter(ctx));
}

/** Returns a function that reports what a teardown throws to the run that is calling a service with `ctx` at this moment. */
export function teardownReporter(ctx: Context): (error: unknown) => void {
  const run = runOf(ctx); // read now: when a teardown throws later, the run may have ended, and is calling no service
  const service = run?.currentService;
  return (error) => {
    if (run) for (const each of errorsOf(error)) run.report('teardown-failed', service, { error: each });
    else reportError(error);
  };
}

/** {@link fromAbortable} for code that receives the errors thrown by the teardown of a source that has ended by itself. */
export function abortableInRun<T>(
  ctx: Context,
  start: (signal: AbortSignal) => PromiseLike<T> | Observable<T>,
  onTeardownError: (error: unknown) => void,
): Observable<T> {
  return abortable<T>(ctx, {
    start: (call) => {
      assertStart(start);
      call.controller.run = runOf(ctx);
      call.follow(start(call.controller.signal), onTeardownError);
    },
  });
}

function assertStart(start: unknown): void {
  if (typeof start === 'function') return;
  throw new TypeError(`${mismatch('fromAbortable: start', 'a function', start)}: pass (signal) => a promise`);
}

/** Work that {@link abortable} starts. It is an object, so that many calls can share it. */
export interface AbortableWork<T> {
  /** Called once for each subscription. It answers through the call. */
  start(call: AbortableCall<T>): void;
  /** Makes the reason with which the signal aborts from the error that ends the call. By default it is the error. */
  reasonOf?(error: unknown): unknown;
  /** Makes the error of the call from the reason with which `ctx.signal` aborts. By default it is {@link abortErrorOf}. */
  errorOf?(reason: unknown): unknown;
}

/** {@link fromAbortable} for code that can do without a signal. */
export function abortable<T>(ctx: Context, work: AbortableWork<T>): Observable<T> {
  return new Observable((subscriber) => {
    const invalid = checkCallerContext(ctx);
    if (invalid) {
      subscriber.error(invalid);
      return;
    }
    const call = new AbortableCall(ctx, subscriber, work);
    try {
      if (!call.ended) work.start(call);
    } catch (error) {
      call.error(error);
    }
  });
}

/** One subscription of {@link abortable}. The last value is the answer. */
export class AbortableCall<T> implements SourceObserver<T>, AbortListener {
  readonly controller: LazyAbortController = new LazyAbortController();
  ended = false;
  /** Whether each value is an answer, not only the last one. */
  emitsEach = false;
  subscription: Subscriber<T> | undefined;
  readonly #subscriber: Subscriber<T>;
  readonly #work: AbortableWork<T>;
  readonly #ctx: Context;
  readonly #listensTo: LazyAbortController | undefined;
  #onTeardownError: ((error: unknown) => void) | undefined;
  #answer: { readonly value: T } | undefined;

  constructor(ctx: Context, subscriber: Subscriber<T>, work: AbortableWork<T>) {
    this.#ctx = ctx;
    this.#subscriber = subscriber;
    this.#work = work;
    subscriber.add(this);
    // A `forkJoin` whose first source failed still subscribes to the others.
    if (!this.ended) this.#listensTo = addAbortListener(ctx, this);
  }

  onAbort(reason: unknown): void {
    const work = this.#work;
    this.error(work.errorOf ? work.errorOf(reason) : abortErrorOf(this.#ctx, reason));
  }

  /** Answers with the value of a promise, or with the last value of an Observable. */
  follow(source: PromiseLike<T> | Observable<T>, onTeardownError: (error: unknown) => void): void {
    if (!isObservable(source) && isPromiseLike(source)) {
      void Promise.resolve(source).then(
        (value) => {
          this.answer(value);
        },
        (error: unknown) => {
          this.fail(() => error);
        },
      );
    } else if (!this.ended) {
      this.#onTeardownError = onTeardownError;
      subscribeTo(toObservable(source), this);
    }
  }

  next(value: T): void {
    if (this.emitsEach) this.#subscriber.next(value);
    else this.#answer = { value };
  }

  /** Ends the call early: tears down, aborts, and notifies. */
  error(error: unknown): void {
    if (this.ended) return;
    try {
      this.#tearDown();
    } finally {
      const work = this.#work;
      this.controller.abort(work.reasonOf ? work.reasonOf(error) : error);
      if (!this.#subscriber.closed) this.#subscriber.error(error);
    }
  }

  /** The call ends before it emits, so a subscriber that unsubscribes in `next` aborts nothing. */
  complete(): void {
    if (this.ended) return;
    this.#tearDown();
    if (this.#answer) this.#subscriber.next(this.#answer.value);
    this.#subscriber.complete();
  }

  /** The subscriber has unsubscribed, or has been notified. */
  unsubscribe(): void {
    if (!this.ended) this.error(new CanceledError());
  }

  onTeardownError(error: unknown): void {
    this.#onTeardownError?.(error);
  }

  /** Answers, and completes. */
  answer(value: T): void {
    if (this.ended) return;
    this.#answer = { value };
    // A promise has no caller that could receive what the subscriber's teardowns throw.
    reportErrors(() => {
      this.complete();
    });
  }

  /** Fails with the error that `make` returns, which is not made after the end. */
  fail(make: () => unknown): void {
    if (this.ended) return;
    let error: unknown;
    try {
      error = make();
    } catch (thrown) {
      error = thrown;
    }
    reportErrors(() => {
      this.error(error);
    });
  }

  /** Fails with what `action` throws. */
  attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(() => error);
    }
  }

  /**
   * Ends the call, and unsubscribes from its source before the subscriber is notified. An error that a teardown throws changes no
   * outcome. If the source has ended by itself the error is not thrown, since a `retry` or a `catchError` behind it would receive
   * it. If the subscriber has unsubscribed, RxJS collects the error.
   */
  #tearDown(): void {
    const unsubscribed = this.#subscriber.closed;
    this.ended = true;
    this.#listensTo?.remove(this);
    try {
      this.subscription?.unsubscribe();
    } catch (error) {
      if (unsubscribed) throw error;
      this.onTeardownError(error);
    }
  }
}
