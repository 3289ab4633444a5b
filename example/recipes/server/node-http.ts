import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Dashboard } from '../dashboard.ts';
import { problemOf } from './problem-of.ts';
import { signalOf } from './signal-of.ts';

/** `GET /users/:id` on node:http. */
export async function listen(dashboard: Dashboard, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const id = /^\/users\/([^/?]+)$/.exec(request.url ?? '')?.[1];
    if (id === undefined) {
      response.writeHead(404).end();
      return;
    }
    dashboard({ signal: signalOf(response) }, decodeURIComponent(id)).subscribe({
      next: (user) => response.setHeader('content-type', 'application/json').end(JSON.stringify(user)),
      error: (error: unknown) => {
        const problem = problemOf(error);
        response.writeHead(problem.status, { 'content-type': 'application/problem+json' });
        response.end(JSON.stringify(problem));
      },
    });
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return server;
}
