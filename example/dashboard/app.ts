import { getRequestListener, type HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import type { RequestIdVariables } from 'hono/request-id';
import { listen, type ListeningServer } from '../shared/http.ts';

/** Handlers of Hono receive Node's request and response, and the id of the request. */
export interface Env {
  readonly Bindings: HttpBindings;
  readonly Variables: RequestIdVariables;
}

/** Serves an app as {@link listen} does. The platform's own `Request` and `Response` stay in place. */
export function serve(app: Hono<Env>, port: number, grace: number): Promise<ListeningServer> {
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return listen((request, response) => void handle(request, response), port, grace);
}
