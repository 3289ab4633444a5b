import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ListeningServer {
  /** The origin: `http://127.0.0.1:3000`. */
  readonly url: string;
  /** Stops listening, and resolves when the last connection has closed. */
  close(): Promise<void>;
}

/**
 * Listens on loopback: on `port`, or on any free port if it is 0. Rejects if the port is taken.
 *
 * `close` waits at most `grace` milliseconds for responses in flight, and then closes all connections. Without that bound, a
 * client that opens a connection and sends no request could keep the server open.
 */
export async function listen(listener: RequestListener, port: number, grace: number): Promise<ListeningServer> {
  const server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          server.closeAllConnections();
        }, grace);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

/** Sends the whole response. */
export function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
