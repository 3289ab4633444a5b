import { once } from 'node:events';
import type { Server } from 'node:http';
import express, { type ErrorRequestHandler } from 'express';
import type { Dashboard } from '../dashboard.ts';
import { problemOf } from './problem-of.ts';
import { signalOf } from './signal-of.ts';

/** `GET /users/:id` on Express. */
export async function listen(dashboard: Dashboard, port: number): Promise<Server> {
  const app = express();
  app.get('/users/:id', (request, response, next) => {
    dashboard({ signal: signalOf(response) }, request.params.id).subscribe({
      next: (user) => response.json(user),
      error: next,
    });
  });
  const fail: ErrorRequestHandler = (error, _request, response, _next) => {
    const problem = problemOf(error);
    response.status(problem.status).type('application/problem+json').json(problem);
  };
  app.use(fail);
  const server = app.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
