import { background, url, withEvents, withLogger, withTimeout } from 'forkfast';
import { concat, defer, identity, type Observable, type Observer, takeUntil, tap, timer } from 'rxjs';
import { logTo } from '../log-lines.ts';
import { messageOf, type RunMessage } from '../run-messages.ts';
import { usersOf } from '../users.ts';
import { runMessagesFrom } from './event-source.ts';
import type { Services } from './services.ts';
import type { Settings } from './settings.ts';

type Messages = Pick<Observer<RunMessage>, 'next'>;

/**
 * Sets the behavior of the services, and then starts a run in this page or in the backend. Errors if that is not possible.
 *
 * The messages of the run go to an observer and are not emitted, since a canceled run has no subscriber.
 */
export function startRun(services: Services, id: number, settings: Settings, messages: Messages): Observable<unknown> {
  const { via, cancelAfter } = settings;
  const run = via === 'page' ? runHere(services, id, settings, messages) : runInBackend(id, settings, messages);
  const cancel = cancelAfter === undefined ? identity : takeUntil<unknown>(timer(cancelAfter));
  return concat(
    services.setBehaviors(background, settings),
    defer(() => run.pipe(cancel)),
  );
}

function runHere(services: Services, id: number, settings: Settings, messages: Messages): Observable<unknown> {
  const { timeout, retries, hedgeAfter } = settings;
  const users = usersOf(
    services,
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
    return users({ retries, hedgeAfter, propagate: { 'x-request-id': requestId }, fetch: services.fetch }, id);
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
