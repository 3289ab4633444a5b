import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';

/** A real server on loopback, and what it saw. */
export interface Loopback {
  /** `http://127.0.0.1:54321`, without a trailing slash. */
  readonly url: string;
  /** The connections that were ever opened. */
  readonly connections: number;
  /** `GET /users/42` for each request, in order. */
  readonly requests: readonly string[];
  /** Resolves with the first request. */
  readonly asked: Promise<void>;
  /** Resolves when a connection has closed. */
  readonly closed: Promise<void>;
  /** Closes the server and whatever is still connected. */
  readonly close: () => Promise<void>;
}

const open = new Set<Loopback>();

/** An HTTP server on a free port. */
export async function serve(handler: RequestListener): Promise<Loopback> {
  const server = createHttpServer();
  return listen(server, (seen) => {
    server.on('request', (request: IncomingMessage, response) => {
      seen(`${request.method ?? ''} ${request.url ?? ''}`);
      handler(request, response);
    });
  });
}

/** A server that answers the first bytes of each connection with whatever `answer` does to its socket. */
export async function serveRaw(answer: (socket: Socket) => void): Promise<Loopback> {
  const server = createServer();
  return listen(server, (seen) => {
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes) => {
        seen(bytes.toString('latin1').split(' HTTP/')[0] ?? '');
        answer(socket);
      });
    });
  });
}

/** The URL of a port where nobody listens. */
export async function refusingUrl(): Promise<string> {
  const server = await serve(() => undefined);
  await server.close();
  return server.url;
}

/** For `afterEach`. */
export async function closeServers(): Promise<void> {
  await Promise.all([...open].map((server) => server.close()));
}

async function listen(
  server: Server | NetServer,
  handle: (seen: (request: string) => void) => void,
): Promise<Loopback> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  const asked = deferred();
  const closed = deferred();
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      closed.resolve();
    });
  });
  handle((request) => {
    requests.push(request);
    asked.resolve();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const loopback: Loopback = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    get connections() {
      return connections;
    },
    requests,
    asked: asked.promise,
    closed: closed.promise,
    close: async () => {
      if (!open.delete(loopback)) return;
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
  open.add(loopback);
  return loopback;
}

/** `Promise.withResolvers`, which Node 20 has not. */
export function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
