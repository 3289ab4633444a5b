import {
  aggregate,
  background,
  type Context,
  fetchText,
  type Service,
  silent,
  url,
  withEvents,
  withLogger,
  withTimeout,
} from 'forkfast';
import { concat, defer, identity, type Observable, type Observer, takeUntil, tap, timer } from 'rxjs';
import type { Behavior } from '../behavior.ts';
import { logTo } from '../log-lines.ts';
import { type Told, toldOf } from '../told.ts';
import { type Upstreams, usersOf } from '../users.ts';
import { eventsOf } from './event-source.ts';
import type { Settings } from './settings.ts';

type Teller = Pick<Observer<Told>, 'next'>;

/**
 * Asks as the settings say, and tells `told` what becomes of it; errors where nothing could be asked.
 *
 * Told, and not emitted: that a run was canceled comes when nobody is subscribed to it any more.
 */
export function ask(upstreams: Upstreams, id: number, settings: Settings, told: Teller): Observable<unknown> {
  const { via, leaveAfter } = settings;
  const asked = via === 'page' ? fromPage(upstreams, id, settings, told) : fromBackend(id, settings, told);
  const leaving = leaveAfter === undefined ? identity : takeUntil<unknown>(timer(leaveAfter));
  return concat(
    behave(upstreams)(background, settings),
    defer(() => asked.pipe(leaving)),
  );
}

/** This page asks the two services itself: the run is here. */
function fromPage(upstreams: Upstreams, id: number, settings: Settings, told: Teller): Observable<unknown> {
  const { timeout, retries, hedgeAfter } = settings;
  const users = usersOf(
    upstreams,
    withTimeout(timeout),
    withEvents({
      next: (event) => {
        told.next(toldOf(event));
      },
    }),
    withLogger(
      logTo({
        next: (data) => {
          told.next({ event: 'log', data });
        },
      }),
    ),
  );
  return defer(() => {
    const requestId = crypto.randomUUID();
    told.next({ event: 'request', data: { requestId } });
    return users({ retries, hedgeAfter, propagate: { 'x-request-id': requestId }, fetch: uncached }, id);
  }).pipe(
    tap((data) => {
      told.next({ event: 'answer', data });
    }),
  );
}

/** The backend asks the two services: the run is there, and this page hears of it. */
function fromBackend(id: number, { timeout, retries, hedgeAfter }: Settings, told: Teller): Observable<unknown> {
  const events = url`${document.baseURI}users/${id}/events`;
  const query = { timeout, retries, ...(hedgeAfter === undefined ? {} : { hedge: hedgeAfter }) };
  for (const [name, value] of Object.entries(query)) events.searchParams.set(name, String(value));
  return eventsOf(events.href).pipe(
    tap((message) => {
      told.next(message);
    }),
  );
}

/** Of two requests for the same URL, as a hedge has them, a browser's cache would hold back the second. */
const uncached: Context['fetch'] = (input, init) => fetch(input, { ...init, cache: 'no-store' });

/** Tells both services what to do with the requests that follow. */
function behave(upstreams: Upstreams): Service<Settings, unknown> {
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
    withLogger(silent),
  );
}
