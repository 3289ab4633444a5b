import { identity, isObservable, Observable, type Observer, type Subscriber, type Unsubscribable } from 'rxjs';
import { Abort, type AbortListener, type Heard, listen, refusalOf, reporting, unlisten } from './abort.ts';
import type { Context } from './context.ts';
import { CanceledError } from './errors/canceled-error.ts';
import { Relay } from './relay.ts';
import { enter, type Scope, scopeOf, type Torn } from './scope.ts';
import { isPromiseLike, toObservable } from './service.ts';

/**
 * Makes a cold, cancellable Observable of any function that takes an `AbortSignal`: a database driver, an SDK, a timer.
 *
 * Emits what the promise resolves to (of an Observable, the last value) and completes. Errors with what it rejects with, and
 * with `CanceledError` when `ctx.signal` aborts; `ctx.deadline` is for `aggregate` and `backoff` to read. The signal
 * aborts when it ends early: on unsubscribing, on `ctx.signal`, and on an error.
 *
 * @param ctx - The context; with its signal already aborted, `ask` is not called.
 * @param ask - Called once for each subscription.
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
  ask: (signal: AbortSignal) => PromiseLike<T> | Observable<T>,
): Observable<T> {
  const service = scopeOf(ctx)?.asking; // a `retry` subscribes again when nobody is being asked
  return following(ctx, ask, (scope) => (error) => {
    if (scope?.over() === false) (service ?? scope).tear(error);
    else {
      reporting(() => {
        throw error;
      });
    }
  });
}

/** {@link fromAbortable}, for who is told of what the teardown of an Observable threw that has ended by itself. */
export function following<T>(
  ctx: Context,
  ask: (signal: AbortSignal) => PromiseLike<T> | Observable<T>,
  tornIn: (scope: Scope | undefined) => Torn['tear'],
): Observable<T> {
  return abortable<T>(ctx, {
    ask: (asked) => {
      const scope = scopeOf(ctx);
      asked.follow(ask(scope ? enter(scope, asked.signal) : asked.signal), tornIn(scope));
    },
    reasonOf: identity,
  });
}

/** What is asked, by who may do without a signal. */
export interface Asking<T> {
  /** Called once for each subscription. */
  ask(asked: Asked<T>): void;
  /** The reason that the signal gets for `error`. */
  reasonOf(error: unknown): unknown;
}

/** {@link fromAbortable} for who may do without a signal. */
export function abortable<T>(ctx: Context, asking: Asking<T>): Observable<T> {
  return new Observable((subscriber) => {
    const refused = refusalOf(ctx);
    if (refused) {
      subscriber.error(refused);
      return;
    }
    const asked = new Asked(ctx, subscriber, asking);
    try {
      if (!asked.over()) asking.ask(asked);
    } catch (error) {
      asked.error(error);
    }
  });
}

/** One subscription: the controller of its signal, and the observer of what was asked. The last value is the answer. */
export class Asked<T> extends Abort implements AbortListener, Observer<T>, Unsubscribable {
  /** The caller's signal. */
  #heard: Heard;
  readonly #subscriber: Subscriber<T>;
  readonly #asking: Asking<T>;
  /** The Observable that was asked: in hand before it runs, so that one that emits without end can be ended. */
  #inner: Subscriber<T> | undefined;
  #torn: Torn['tear'] | undefined;
  #answer: { readonly value: T } | undefined;

  constructor(ctx: Context, subscriber: Subscriber<T>, asking: Asking<T>) {
    super();
    this.#subscriber = subscriber;
    this.#asking = asking;
    subscriber.add(this);
    if (!this.over()) this.#heard = listen(ctx, this); // a `forkJoin` whose first source failed subscribes when it is over
  }

  /** `torn` is told what the teardown of an Observable threw that has ended by itself. */
  follow(answer: PromiseLike<T> | Observable<T>, torn: Torn['tear']): void {
    if (!isObservable(answer) && isPromiseLike(answer)) {
      void Promise.resolve(answer).then(
        (value) => {
          this.answer(() => value);
        },
        (error: unknown) => {
          this.fail(() => error);
        },
      );
    } else if (!this.over()) {
      // Else `ask` itself ended it, and nothing more starts.
      this.#torn = torn;
      new Observable<T>((inner) => {
        this.#inner = inner;
        try {
          toObservable(answer).subscribe(inner);
        } catch (error) {
          if (inner.closed) torn(error);
          else inner.error(error);
        }
      }).subscribe(new Relay(this));
    }
  }

  /** The answer of who is no Observable: what `make` throws is a failure, and a teardown of the subscriber's that throws is none. */
  answer(make: () => T): void {
    if (this.over()) return;
    try {
      this.next(make());
    } catch (error) {
      this.fail(() => error);
      return;
    }
    reporting(() => {
      this.complete();
    });
  }

  /** As {@link Asked.answer}. */
  fail(make: () => unknown): void {
    if (this.over()) return;
    let error: unknown;
    try {
      error = make();
    } catch (thrown) {
      error = thrown;
    }
    reporting(() => {
      this.error(error);
    });
  }

  onAbort(reason: unknown): void {
    this.error(new CanceledError({ cause: reason }));
  }

  unsubscribe(): void {
    if (!this.over()) this.error(new CanceledError());
  }

  next(value: T): void {
    this.#answer = { value };
  }

  error(error: unknown): void {
    if (this.over()) return;
    this.#leave(() => {
      this.abort(this.#asking.reasonOf(error));
      if (!this.#subscriber.closed) this.#subscriber.error(error);
    });
  }

  /** Over before the answer is told: who unsubscribes on it must not abort what it came from. */
  complete(): void {
    if (this.over()) return;
    this.#leave(() => {
      if (this.#answer) this.#subscriber.next(this.#answer.value);
      this.#subscriber.complete();
    });
  }

  /**
   * Tears down before it tells. What a teardown throws changes no outcome: of one that has ended by itself it is not thrown, since
   * a `retry` or a `catchError` behind this would run into it; RxJS collects it from one that is unsubscribed from.
   */
  #leave(tell: () => void): void {
    const { closed } = this.#subscriber;
    this.close();
    unlisten(this.#heard, this);
    try {
      this.#inner?.unsubscribe();
    } catch (error) {
      if (closed) {
        tell();
        throw error;
      }
      this.#torn?.(error);
    }
    tell();
  }
}
