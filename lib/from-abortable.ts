import { identity, isObservable, Observable, type Observer, type Subscriber, type Unsubscribable } from 'rxjs';
import { Abort, type AbortListener, type Heard, listen, refusalOf, reporting, unlisten } from './abort.ts';
import type { Context } from './context.ts';
import { CanceledError } from './errors/canceled-error.ts';
import { Relay } from './relay.ts';
import { enter, scopeOf } from './scope.ts';
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
  return following(ctx, ask);
}

/** {@link fromAbortable} for who hears of what a teardown threw otherwise than by his own. */
export function following<T>(
  ctx: Context,
  ask: (signal: AbortSignal) => PromiseLike<T> | Observable<T>,
  torn?: (error: unknown) => void,
): Observable<T> {
  return abortable<T>(ctx, {
    ask: (asked) => {
      const scope = scopeOf(ctx);
      asked.follow(ask(scope ? enter(scope, asked.signal) : asked.signal));
    },
    reasonOf: identity,
    torn,
  });
}

/** What is asked, by who may do without a signal. */
export interface Asking<T> {
  /** Called once for each subscription. */
  ask(asked: Asked<T>): void;
  /** The reason that the signal gets for `error`. */
  reasonOf(error: unknown): unknown;
  /** Is told what a teardown threw; without it, that comes out as what one of the subscriber's own threw. */
  readonly torn?: ((error: unknown) => void) | undefined;
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
  #answer: { readonly value: T } | undefined;

  constructor(ctx: Context, subscriber: Subscriber<T>, asking: Asking<T>) {
    super();
    this.#subscriber = subscriber;
    this.#asking = asking;
    subscriber.add(this);
    if (!this.over()) this.#heard = listen(ctx, this); // a `forkJoin` whose first source failed subscribes when it is over
  }

  follow(answer: PromiseLike<T> | Observable<T>): void {
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
      new Observable<T>((inner) => {
        this.#inner = inner;
        toObservable(answer).subscribe(inner);
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

  /** Tears down before it tells. What a teardown throws changes no outcome. */
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
      if (this.#asking.torn) this.#asking.torn(error);
      else this.#subscriber.add(thrower(error));
    }
    tell();
  }
}

/** The teardown that throws `error`. */
function thrower(error: unknown): () => never {
  return () => {
    throw error;
  };
}
