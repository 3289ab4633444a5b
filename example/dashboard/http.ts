import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that listens. */
export interface Listening {
  /** Its origin: `http://127.0.0.1:3000`. */
  readonly url: string;
  /** Stops listening; resolves when the last connection has gone. */
  close(): Promise<void>;
}

/**
 * Serves on loopback: on `port`, or on any where it is 0. Rejects where the port is taken.
 *
 * `grace` is how many milliseconds `close` waits for the responses that are on their way. There is a bound because a
 * client may hold a connection open without ever sending a request.
 */
export async function listen(listener: RequestListener, port: number, grace: number): Promise<Listening> {
  const server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close: () =>
      new Promise((resolve) => {
        const late = setTimeout(() => {
          server.closeAllConnections();
        }, grace);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
      }),
  };
}

/** Sends the whole response. */
export function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
