import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';

export interface DrainingServer {
  /** The origin: `http://127.0.0.1:3000`. */
  readonly url: string;
  /** Whether the server has begun to drain. A readiness probe should fail then. */
  readonly draining: boolean;
  /** Stops accepting connections. Resolves when the last connection has closed, after `grace` milliseconds at the latest. */
  drain(grace: number): Promise<void>;
}

/**
 * Serves HTTP on loopback, and drains without losing a request.
 *
 * A client may send a request on an idle connection at the moment in which the server closes it, and that request would be lost. So
 * a draining server closes no connection that is open: it says `connection: close` in the next response of each. A connection
 * without another request ends after the `keep-alive: timeout` that the server has announced.
 */
export async function serve(handler: RequestListener, port: number): Promise<DrainingServer> {
  let draining = false;
  const unanswered = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    unanswered.add(response);
    response.on('close', () => unanswered.delete(response));
    if (draining) response.setHeader('connection', 'close');
    handler(request, response);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    get draining() {
      return draining;
    },
    drain: async (grace) => {
      draining = true;
      for (const response of unanswered) if (!response.headersSent) response.setHeader('connection', 'close');
      const closed = new Promise<void>((resolve) => {
        // The `close` of `node:http` closes the idle connections at once. The one of `node:net` only stops accepting.
        NetServer.prototype.close.call(server, () => {
          resolve();
        });
      });
      const timer = setTimeout(() => {
        server.closeAllConnections();
      }, grace);
      await closed;
      clearTimeout(timer);
    },
  };
}
