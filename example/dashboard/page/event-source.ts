import { aggregateLatest, type Context, fetchEvents } from 'forkfast';
import { filter, fromEvent, map, merge, mergeMap, Observable, scan, startWith, takeWhile, throwError } from 'rxjs';
import type { Activity } from '../activity.ts';
import type { RunMessage } from '../run-messages.ts';
import type { Upstreams } from '../users.ts';
import { type Requests, withActivity } from './requests.ts';

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

/** The requests that the services have received. Emits at each event of their activity streams, which reconnect. */
export const requestsAt = aggregateLatest({
  profile: (ctx: Context, { profile }: Upstreams) => requestsOf(ctx, profile),
  orders: (ctx: Context, { orders }: Upstreams) => requestsOf(ctx, orders),
});

function requestsOf(ctx: Context, service: string): Observable<Requests> {
  return fetchEvents(ctx, `${service}/activity`, { reconnect: true }).pipe(
    filter(({ event }) => event === 'activity'),
    map(({ data }) => JSON.parse(data) as Activity),
    scan(withActivity, new Map() as Requests),
    startWith(new Map() as Requests), // a service without requests is quiet, and must not exceed the timeout
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
