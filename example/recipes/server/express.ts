import { once } from 'node:events';
import type { Server } from 'node:http';
import express, { type ErrorRequestHandler } from 'express';
import { contextOf, problemOf } from 'forkfast/server';
import type { Dashboard } from '../dashboard.ts';

/** `GET /users/:id` on Express. */
export async function listen(dashboard: Dashboard, port: number): Promise<Server> {
  const app = express();
  app.get('/users/:id', (request, response, next) => {
    const ctx = contextOf(request, response, { propagate: ['x-request-id', 'x-tenant'] });
    dashboard(ctx, request.params.id).subscribe({ next: (user) => response.json(user), error: next });
  });
  const fail: ErrorRequestHandler = (error, _request, response, _next) => {
    const { status, headers, body } = problemOf(error);
    response.status(status).set(headers).json(body);
  };
  app.use(fail);
  const server = app.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
