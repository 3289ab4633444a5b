import type { Server } from 'node:http';
import fastify from 'fastify';
import { firstValueFrom } from 'rxjs';
import type { Dashboard } from '../dashboard.ts';
import { problemOf } from './problem-of.ts';
import { signalOf } from './signal-of.ts';

/** `GET /users/:id` on Fastify. */
export async function listen(dashboard: Dashboard, port: number): Promise<Server> {
  const app = fastify();
  app.get<{ Params: { id: string } }>('/users/:id', (request, reply) =>
    // `request.signal` of a POST aborts when its body has been read, before the client disconnects.
    firstValueFrom(dashboard({ signal: signalOf(reply.raw) }, request.params.id)),
  );
  app.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(error);
    return reply.code(problem.status).type('application/problem+json').send(problem);
  });
  await app.listen({ port, host: '127.0.0.1' });
  return app.server;
}
