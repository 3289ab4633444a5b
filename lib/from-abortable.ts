import { Observable, type Subscriber } from 'rxjs';
import { Abort, abortOf, listen, report } from './abort.ts';
import { type Context, refusal } from './context.ts';
import { CanceledError } from './errors.ts';
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
  return abortable(
    ctx,
    (abort) => ask(abort.signal),
    (error) => error,
  );
}

/** {@link fromAbortable} for who may do without a signal; its reason is what `reasonOf` makes of the error. */
export function abortable<T>(
  ctx: Context,
  ask: (abort: Abort) => PromiseLike<T> | Observable<T>,
  reasonOf: (error: unknown) => unknown,
): Observable<T> {
  return new Observable((subscriber) => {
    const refused = abortOf(ctx) ? undefined : refusal(ctx); // ours is sound, and reading its signal makes one
    if (refused) {
      subscriber.error(refused);
      return;
    }
    const abort = new Abort();
    /** Leaves the caller's signal. */
    let leave = (): void => undefined;
    /** The Observable that was asked. */
    let inner: Subscriber<T> | undefined;
    /** Tears down before it tells; a teardown that throws changes no outcome. */
    const close = (tell: () => void): void => {
      abort.close();
      leave();
      try {
        inner?.unsubscribe();
      } finally {
        tell();
      }
    };
    const end = (error: unknown): void => {
      if (abort.over()) return;
      close(() => {
        abort.abort(reasonOf(error));
        if (!subscriber.closed) subscriber.error(error);
      });
    };
    subscriber.add(() => {
      if (!abort.over()) end(new CanceledError());
    });
    leave = listen(ctx, (reason) => {
      end(new CanceledError({ cause: reason }));
    });
    if (abort.over()) return;
    let answer: { readonly value: T } | undefined;
    const answered = (): void => {
      if (abort.over()) return;
      // Over before the answer is told: who unsubscribes on it must not abort what it came from.
      close(() => {
        if (answer) subscriber.next(answer.value);
        subscriber.complete();
      });
    };
    let asked: PromiseLike<T> | Observable<T>;
    try {
      asked = ask(abort);
      if (isPromiseLike(asked)) {
        const told = asked.then((value) => {
          answer = { value };
          answered();
        }, end);
        told.then(undefined, report);
        return;
      }
    } catch (error) {
      end(error);
      return;
    }
    if (abort.over()) return; // `ask` itself ended it: nothing more starts
    new Observable<T>((given) => {
      inner = given; // in hand before the source runs, so that a source that emits without end can be ended
      toObservable(asked).subscribe(given);
    }).subscribe({
      next: (value) => {
        answer = { value };
      },
      error: end,
      complete: answered,
    });
  });
}
