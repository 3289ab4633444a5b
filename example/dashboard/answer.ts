import { STATUS_CODES } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { stream } from 'hono/streaming';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Outcome } from './behavior.ts';
import type { Env } from './app.ts';

/** What a mock service has to say: to whoever asks for JSON, and to all others. */
export interface Answer {
  readonly json: object;
  readonly text: string;
}

/** Answers, or does not, as the service is told to. */
export function answer(c: Context<Env>, outcome: Exclude<Outcome, 'hang'>, { json, text }: Answer): Response {
  if (outcome === 'reset') {
    c.env.incoming.socket.resetAndDestroy();
    return RESPONSE_ALREADY_SENT;
  }
  const asked = /\bapplication\/(json|\*)/i.test(c.req.header('accept') ?? '');
  const body = asked ? JSON.stringify(json) : text;
  c.header('content-type', asked ? 'application/json' : 'text/plain; charset=utf-8');
  if (outcome === 'slow-body') {
    return stream(c, async (drip) => {
      for (const byte of body) {
        if (drip.aborted) return;
        await drip.write(byte);
        await drip.sleep(200);
      }
    });
  }
  if ([204, 205, 304].includes(outcome)) return new Response(null, { status: outcome });
  const status = outcome as ContentfulStatusCode;
  return status < 300 ? c.body(body, status) : c.text(STATUS_CODES[status] ?? 'failed', status);
}
