import { background, fetchEvents } from 'forkfast';
import { filter, fromEvent, map, merge, mergeMap, Observable, takeWhile, throwError } from 'rxjs';
import type { Activity } from '../activity.ts';
import type { RunMessage } from '../run-messages.ts';

/** Emits the messages of a run from the backend. The last one is an answer or a problem. Unsubscribing closes the connection. */
export function runMessagesFrom(url: string): Observable<RunMessage> {
  return connect(url, (source) => {
    const messages = (['request', 'run', 'log', 'answer', 'problem'] as const).map((event) =>
      dataOf(source, event).pipe(map((data) => ({ event, data }) as RunMessage)),
    );
    const lost = fromEvent(source, 'error').pipe(
      mergeMap(() => throwError(() => new Error('the backend has closed the connection'))),
    );
    return merge(...messages, lost).pipe(takeWhile(({ event }) => event !== 'answer' && event !== 'problem', true));
  });
}

/** Emits the activity of a service, and reconnects. */
export function activityOf(service: string): Observable<Activity> {
  return fetchEvents(background, `${service}/activity`, { reconnect: true }).pipe(
    filter(({ event }) => event === 'activity'),
    map(({ data }) => JSON.parse(data) as Activity),
  );
}

function connect<T>(url: string, messages: (source: EventSource) => Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const source = new EventSource(url);
    subscriber.add(() => {
      source.close();
    });
    subscriber.add(messages(source).subscribe(subscriber));
  });
}

function dataOf(source: EventSource, event: string): Observable<unknown> {
  return fromEvent<MessageEvent<string>>(source, event).pipe(map(({ data }) => JSON.parse(data) as unknown));
}
