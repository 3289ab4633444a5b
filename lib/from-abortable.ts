import { identity, isObservable, Observable, type Observer, type Subscriber, type Unsubscribable } from 'rxjs';
import { Abort, type AbortListener, abortOf, type Heard, listen, reporting, unlisten } from './abort.ts';
import { type Context, refusal } from './context.ts';
import { CanceledError } from './errors/canceled-error.ts';
import { Relay } from './relay.ts';
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
  return abortable<T>(ctx, {
    ask: (asked) => {
      asked.follow(ask(asked.signal));
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
    const refused = abortOf(ctx) ? undefined : refusal(ctx); // ours is sound, and reading its signal makes one
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

  /** Tears down before it tells; a teardown that throws changes no outcome. */
  #leave(tell: () => void): void {
    this.close();
    unlisten(this.#heard, this);
    try {
      this.#inner?.unsubscribe();
    } finally {
      tell();
    }
  }
}
