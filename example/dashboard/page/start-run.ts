import {
  aggregate,
  background,
  type Context,
  fetchText,
  type Service,
  url,
  withEvents,
  withLogger,
  withTimeout,
} from 'forkfast';
import { concat, defer, identity, type Observable, type Observer, takeUntil, tap, timer } from 'rxjs';
import type { Behavior } from '../behavior.ts';
import { logTo } from '../log-lines.ts';
import { messageOf, type RunMessage } from '../run-messages.ts';
import { type Upstreams, usersOf } from '../users.ts';
import { runMessagesFrom } from './event-source.ts';
import type { Settings } from './settings.ts';

type Messages = Pick<Observer<RunMessage>, 'next'>;

/**
 * Sets the behavior of the services, and then starts a run in this page or in the backend. Errors if that is not possible.
 *
 * The messages of the run go to an observer and are not emitted, since a canceled run has no subscriber.
 */
export function startRun(
  upstreams: Upstreams,
  id: number,
  settings: Settings,
  messages: Messages,
): Observable<unknown> {
  const { via, cancelAfter } = settings;
  const run = via === 'page' ? runHere(upstreams, id, settings, messages) : runInBackend(id, settings, messages);
  const cancel = cancelAfter === undefined ? identity : takeUntil<unknown>(timer(cancelAfter));
  return concat(
    setBehaviors(upstreams)(background, settings),
    defer(() => run.pipe(cancel)),
  );
}

function runHere(upstreams: Upstreams, id: number, settings: Settings, messages: Messages): Observable<unknown> {
  const { timeout, retries, hedgeAfter } = settings;
  const users = usersOf(
    upstreams,
    withTimeout(timeout),
    withEvents({
      next: (event) => {
        messages.next(messageOf(event));
      },
    }),
    withLogger(
      logTo({
        next: (data) => {
          messages.next({ event: 'log', data });
        },
      }),
    ),
  );
  return defer(() => {
    const requestId = crypto.randomUUID();
    messages.next({ event: 'request', data: { requestId } });
    return users({ retries, hedgeAfter, propagate: { 'x-request-id': requestId }, fetch: uncached }, id);
  }).pipe(
    tap((data) => {
      messages.next({ event: 'answer', data });
    }),
  );
}

/** The backend runs the services, and this page receives the messages of the run. */
function runInBackend(id: number, { timeout, retries, hedgeAfter }: Settings, messages: Messages): Observable<unknown> {
  const events = url`${document.baseURI}users/${id}/events`;
  const query = { timeout, retries, ...(hedgeAfter === undefined ? {} : { hedge: hedgeAfter }) };
  for (const [name, value] of Object.entries(query)) events.searchParams.set(name, String(value));
  return runMessagesFrom(events.href).pipe(
    tap((message) => {
      messages.next(message);
    }),
  );
}

/** With its cache, the browser would delay the second request for a URL until the first one ends. A hedge sends two. */
const uncached: Context['fetch'] = (input, init) => fetch(input, { ...init, cache: 'no-store' });

function setBehaviors(upstreams: Upstreams): Service<Settings, unknown> {
  const put = (ctx: Context, service: string, behavior: Behavior): Observable<string> =>
    fetchText(ctx, url`${service}/behavior`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(behavior),
    });
  return aggregate(
    {
      profile: (ctx, { profile }: Settings) => put(ctx, upstreams.profile, profile),
      orders: (ctx, { orders }: Settings) => put(ctx, upstreams.orders, orders),
    },
    withTimeout(5_000),
  );
}
