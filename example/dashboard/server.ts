import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import {
  CanceledError,
  type Context,
  DeadlineExceededError,
  ForkfastError,
  type Logger,
  orderService,
  profileService,
  type RunEvent,
  ServiceError,
  UserAggregator,
  withEvents,
  withLogger,
  withTimeout,
} from 'forkfast';
import { serverTiming } from 'forkfast/report';
import { finalize, fromEvent, type Observer, takeUntil } from 'rxjs';
import { idOf, listen, type Listening, route, send } from './http.ts';

export interface DashboardOptions {
  /** Where the Profile service is. */
  readonly profile: string;
  /** Where the Order service is. */
  readonly orders: string;
  /** Milliseconds that an answer may take. */
  readonly timeout: number;
  readonly logger: Logger;
  /** 0 for any. */
  readonly port?: number;
  /** Is told the events of each request, when its run is over. */
  readonly runs?: Pick<Observer<readonly RunEvent[]>, 'next'>;
}

interface RequestContext extends Context {
  readonly requestId: string;
  readonly events: RunEvent[];
}

/** The dashboard backend: `GET /users/:id` answers `User: Alice | Orders: 5`. */
export async function startDashboard(options: DashboardOptions): Promise<Listening> {
  const { profile, orders, timeout, logger, port = 0, runs } = options;
  const users = new UserAggregator<RequestContext>(
    { profile: profileService(profile), orders: orderService(orders) },
    withTimeout(timeout),
    withLogger(logger, ({ requestId }: RequestContext) => ({ requestId })),
    withEvents({ next: (event) => (event.ctx as RequestContext).events.push(event) }),
  );
  const shutdown = new AbortController();

  const server = await listen(
    route(/^\/users\/([^/]*)$/, (text, request, response) => {
      const id = idOf(text);
      if (id === undefined) {
        send(response, 400, 'the id of a user is a positive integer');
        return;
      }
      const requestId = requestIdOf(request.headers['x-request-id']);
      response.setHeader('x-request-id', requestId);
      const events: RunEvent[] = [];
      const ctx = { requestId, events, signal: shutdown.signal, propagate: { 'x-request-id': requestId } };
      users
        .aggregate(ctx, id)
        .pipe(
          takeUntil(fromEvent(response, 'close')), // the client has gone: nobody wants the answer
          finalize(() => runs?.next(events)),
        )
        .subscribe({
          next: (line) => {
            response.setHeader('server-timing', serverTiming(events));
            send(response, 200, line);
          },
          error: (error: unknown) => {
            response.setHeader('server-timing', serverTiming(events));
            fail(response, error);
          },
        });
    }),
    port,
    500,
  );
  return {
    url: server.url,
    close: () => {
      shutdown.abort();
      return server.close();
    },
  };
}

/** Of an error that is not forkfast's own, and of a foreign cause, no word reaches the client: it may quote secrets. */
function fail(response: ServerResponse, error: unknown): void {
  if (error instanceof CanceledError) response.setHeader('connection', 'close');
  send(
    response,
    statusOf(error),
    error instanceof ForkfastError ? String(error.toJSON()['message']) : 'internal error',
  );
}

/** What a failed run is in HTTP: a gateway's timeout, a bad gateway, or a server that shuts down. */
export function statusOf(error: unknown): number {
  if (error instanceof DeadlineExceededError) return 504;
  if (error instanceof ServiceError) return error.cause instanceof DeadlineExceededError ? 504 : 502;
  return error instanceof CanceledError ? 503 : 500;
}

/** The caller's, where it is fit for a log and a header; else a new one. */
function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w-]{1,64}$/.test(given) ? given : randomUUID();
}
