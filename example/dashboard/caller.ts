import { fromEvent, Observable, of } from 'rxjs';

/** Emits when the client of a request has gone before it had the whole answer. */
export function leaving({ signal }: Request): Observable<unknown> {
  return signal.aborted ? of(undefined) : fromEvent(signal, 'abort');
}

/** Asks with a signal that aborts when `gone` emits. */
export function untilGone<T>(gone: Observable<unknown>, ask: (signal: AbortSignal) => Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const caller = new AbortController();
    subscriber.add(
      gone.subscribe(() => {
        caller.abort();
      }),
    );
    subscriber.add(ask(caller.signal).subscribe(subscriber));
  });
}
