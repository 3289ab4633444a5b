import { getRequestListener, type HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import type { RequestIdVariables } from 'hono/request-id';
import { listen, type Listening } from './http.ts';

/** What Hono hands to the handlers: Node's own request and response, and the id of the request. */
export interface Env {
  readonly Bindings: HttpBindings;
  readonly Variables: RequestIdVariables;
}

/** Serves an app as {@link listen} does, with the platform's own `Request` and `Response`. */
export function serve(app: Hono<Env>, port: number, grace: number): Promise<Listening> {
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return listen((request, response) => void handle(request, response), port, grace);
}
