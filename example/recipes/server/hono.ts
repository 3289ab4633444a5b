import { once } from 'node:events';
import type { Server } from 'node:http';
import { serve } from '@hono/node-server';
import { contextOf, problemOf, toResponse } from 'forkfast/server';
import { Hono } from 'hono';
import { firstValueFrom } from 'rxjs';
import type { Dashboard } from '../dashboard.ts';

/** `GET /users/:id` on Hono. Only `serve` is specific to Node: Bun, Deno and edge runtimes have their own. */
export async function listen(dashboard: Dashboard, port: number): Promise<Server> {
  const app = new Hono();
  app.get('/users/:id', async (c) => {
    const ctx = contextOf(c.req.raw, { propagate: ['x-request-id', 'x-tenant'] });
    return c.json(await firstValueFrom(dashboard(ctx, c.req.param('id'))));
  });
  app.onError((error) => toResponse(problemOf(error)));
  const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }) as Server;
  await once(server, 'listening');
  return server;
}
