import { STATUS_CODES } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { stream } from 'hono/streaming';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from './app.ts';
import type { Outcome } from './behavior.ts';

/** The answer of a mock service, for clients that accept JSON and for all other clients. */
export interface MockAnswer {
  readonly json: object;
  readonly text: string;
}

/** Responds with the outcome: with a status, a slow body, or a closed connection. */
export function respond(c: Context<Env>, outcome: Exclude<Outcome, 'hang'>, { json, text }: MockAnswer): Response {
  if (outcome === 'reset') {
    c.env.incoming.socket.resetAndDestroy();
    return RESPONSE_ALREADY_SENT;
  }
  const acceptsJson = /\bapplication\/(json|\*)/i.test(c.req.header('accept') ?? '');
  const body = acceptsJson ? JSON.stringify(json) : text;
  c.header('content-type', acceptsJson ? 'application/json' : 'text/plain; charset=utf-8');
  if (outcome === 'slow-body') {
    return stream(c, async (writer) => {
      for (const byte of body) {
        if (writer.aborted) return;
        await writer.write(byte);
        await writer.sleep(200);
      }
    });
  }
  if ([204, 205, 304].includes(outcome)) return new Response(null, { status: outcome });
  const status = outcome as ContentfulStatusCode;
  return status < 300 ? c.body(body, status) : c.text(STATUS_CODES[status] ?? 'failed', status);
}
