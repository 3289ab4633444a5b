import { fromEvent, Observable, of } from 'rxjs';

/** Emits when the client of a request closes the connection before it has the whole response. */
export function disconnected({ signal }: Request): Observable<unknown> {
  return signal.aborted ? of(undefined) : fromEvent(signal, 'abort');
}

/** Starts `run` with a signal that aborts when `end` emits. */
export function abortedBy<T>(end: Observable<unknown>, run: (signal: AbortSignal) => Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const controller = new AbortController();
    subscriber.add(
      end.subscribe(() => {
        controller.abort();
      }),
    );
    subscriber.add(run(controller.signal).subscribe(subscriber));
  });
}
