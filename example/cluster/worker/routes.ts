import type { RequestListener, ServerResponse } from 'node:http';
import type { Context, RunEvent, Service } from 'forkfast';
import { contextOf } from 'forkfast/server';
import { idOf, lineOf, type User } from '../../dashboard/users.ts';
import { send } from '../../shared/http.ts';
import { problemFor } from './limits.ts';

/** The context of a request collects the services that {@link markStale} reports. */
export interface PageContext extends Context {
  readonly stale: Set<string>;
}

export interface RoutesOptions {
  /** The name of this process, for the header `x-worker`. */
  readonly worker: string;
  /** Whether new requests are welcome. */
  readonly isReady: () => boolean;
  /** Cancels all runs when it aborts. */
  readonly shutdown: AbortSignal;
}

/** `GET /users/:id` responds with `User: Alice | Orders: 5`, and `GET /healthz` with 503 while the process drains. */
export function routesOf(dashboard: Service<number, User, PageContext>, options: RoutesOptions): RequestListener {
  const { worker, isReady, shutdown } = options;
  return (request, response) => {
    response.setHeader('x-worker', worker);
    const path = request.url ?? '';
    if (path === '/healthz') {
      send(response, isReady() ? 200 : 503, isReady() ? 'ready' : 'draining');
      return;
    }
    const id = idOf(/^\/users\/([^/?]+)$/.exec(path)?.[1] ?? '');
    if (id === undefined) {
      send(response, 404, 'not found');
      return;
    }
    const stale = new Set<string>();
    const ctx = { ...contextOf(request, response, { propagate: ['x-tenant'], signal: shutdown }), stale };
    dashboard(ctx, id).subscribe({
      next: (user) => {
        if (stale.size > 0) response.setHeader('x-stale', [...stale].join(', '));
        send(response, 200, lineOf(user));
      },
      error: (error: unknown) => {
        sendProblem(response, error);
      },
    });
  };
}

/** Notes in the context of the request that `lastGood` has answered in place of a service. */
export function markStale(event: RunEvent): void {
  if (event.type === 'stale' && event.service !== undefined) (event.ctx as PageContext).stale.add(event.service);
}

function sendProblem(response: ServerResponse, error: unknown): void {
  const { status, headers, body } = problemFor(error);
  response.writeHead(status, headers).end(JSON.stringify(body));
}
