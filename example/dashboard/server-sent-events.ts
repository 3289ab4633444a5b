import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import { concatMap, lastValueFrom, type Observable, takeUntil } from 'rxjs';
import type { Env } from './app.ts';
import { leaving } from './caller.ts';

/** A Server-Sent Event: `data` goes as JSON. */
export interface Message {
  readonly event: string;
  readonly data: unknown;
}

/** Streams messages until they complete or the client leaves, which unsubscribes from them. */
export function sendEvents(c: Context<Env>, messages: Observable<Message>): Response {
  const response = streamSSE(c, async (stream) => {
    await stream.write(':\n\n'); // the headers go out with the first bytes
    const sent = messages.pipe(
      concatMap(({ event, data }) => stream.writeSSE({ event, data: JSON.stringify(data) })),
      takeUntil(leaving(c.req.raw)),
    );
    await lastValueFrom(sent, { defaultValue: undefined });
  });
  response.headers.set('connection', 'close'); // a server that closes need not wait for another question on it
  return response;
}
