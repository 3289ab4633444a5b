import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import { concatMap, lastValueFrom, type Observable, takeUntil } from 'rxjs';
import type { Env } from './app.ts';
import { disconnected } from './cancellation.ts';

/** A Server-Sent Event. `data` is sent as JSON. */
export interface Message {
  readonly event: string;
  readonly data: unknown;
}

/** Streams messages until they complete. Unsubscribes from them if the client disconnects. */
export function sendEvents(c: Context<Env>, messages: Observable<Message>): Response {
  const response = streamSSE(c, async (stream) => {
    await stream.write(':\n\n'); // Node sends the headers with the first bytes
    const sent = messages.pipe(
      concatMap(({ event, data }) => stream.writeSSE({ event, data: JSON.stringify(data) })),
      takeUntil(disconnected(c.req.raw)),
    );
    await lastValueFrom(sent, { defaultValue: undefined });
  });
  response.headers.set('connection', 'close'); // a server that closes does not wait for the next request on this connection
  return response;
}
