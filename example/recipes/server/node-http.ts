import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { contextOf, problemOf } from 'forkfast/server';
import type { Dashboard } from '../dashboard.ts';

/** `GET /users/:id` on node:http. */
export async function listen(dashboard: Dashboard, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const id = /^\/users\/([^/?]+)$/.exec(request.url ?? '')?.[1];
    if (id === undefined) {
      response.writeHead(404).end();
      return;
    }
    const ctx = contextOf(request, response, { propagate: ['x-request-id'] });
    dashboard(ctx, decodeURIComponent(id)).subscribe({
      next: (user) => response.setHeader('content-type', 'application/json').end(JSON.stringify(user)),
      error: (error: unknown) => {
        const { status, headers, body } = problemOf(error);
        response.writeHead(status, headers).end(JSON.stringify(body));
      },
    });
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return server;
}
