import { fromEvent, map, merge, mergeMap, Observable, takeWhile, throwError } from 'rxjs';
import type { Activity } from '../activity.ts';
import type { Told } from '../told.ts';

/** What the backend tells of a run. It ends with an answer or a problem; unsubscribing closes the connection. */
export function eventsOf(url: string): Observable<Told> {
  return connected(url, (source) => {
    const told = (['request', 'run', 'log', 'answer', 'problem'] as const).map((event) =>
      messages(source, event).pipe(map((data) => ({ event, data }) as Told)),
    );
    const lost = fromEvent(source, 'error').pipe(mergeMap(() => throwError(() => new Error('the backend has gone'))));
    return merge(...told, lost).pipe(takeWhile(({ event }) => event !== 'answer' && event !== 'problem', true));
  });
}

/** What a service sees of its requests, for as long as somebody is subscribed. The browser connects again by itself. */
export function activityOf(service: string): Observable<Activity> {
  return connected(`${service}/activity`, (source) => messages(source, 'activity')) as Observable<Activity>;
}

function connected<T>(url: string, listen: (source: EventSource) => Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const source = new EventSource(url);
    subscriber.add(() => {
      source.close();
    });
    subscriber.add(listen(source).subscribe(subscriber));
  });
}

function messages(source: EventSource, event: string): Observable<unknown> {
  return fromEvent<MessageEvent<string>>(source, event).pipe(map(({ data }) => JSON.parse(data) as unknown));
}
