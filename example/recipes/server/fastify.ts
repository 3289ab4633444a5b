import type { Server } from 'node:http';
import fastify from 'fastify';
import { contextOf, problemOf } from 'forkfast/server';
import { firstValueFrom } from 'rxjs';
import type { Dashboard } from '../dashboard.ts';

/** `GET /users/:id` on Fastify. */
export async function listen(dashboard: Dashboard, port: number): Promise<Server> {
  const app = fastify();
  app.get<{ Params: { id: string } }>('/users/:id', (request, reply) =>
    // `request.signal` of a POST aborts when its body has been read, before the client disconnects.
    firstValueFrom(dashboard(contextOf(request.raw, reply.raw, { propagate: ['x-request-id'] }), request.params.id)),
  );
  app.setErrorHandler((error, _request, reply) => {
    const { status, headers, body } = problemOf(error);
    return reply.code(status).headers(headers).send(body);
  });
  await app.listen({ port, host: '127.0.0.1' });
  return app.server;
}
