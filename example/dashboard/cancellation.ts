import { fromEvent, type Observable, of } from 'rxjs';

/** Emits when the client of a request closes the connection before it has the whole response. */
export function disconnected({ signal }: Request): Observable<unknown> {
  return signal.aborted ? of(undefined) : fromEvent(signal, 'abort');
}
