import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';

/** A server on loopback, and the connections and requests that it received. */
export interface Loopback {
  /** `http://127.0.0.1:54321`, without a trailing slash. */
  readonly url: string;
  /** The number of connections that were ever opened. */
  readonly connections: number;
  /** `GET /users/42` for each request, in order. */
  readonly requests: readonly string[];
  /** Resolves when the first request arrives. */
  readonly requested: Promise<void>;
  /** Resolves when the first connection closes. */
  readonly closed: Promise<void>;
  /** Closes the server and all its connections. */
  readonly close: () => Promise<void>;
}

const open = new Set<Loopback>();

/** Starts an HTTP server on a free port. */
export async function serve(handler: RequestListener): Promise<Loopback> {
  const server = createHttpServer();
  return listen(server, (onRequest) => {
    server.on('request', (request: IncomingMessage, response) => {
      onRequest(`${request.method ?? ''} ${request.url ?? ''}`);
      handler(request, response);
    });
  });
}

/** Starts a server that calls `respond` with the socket of each connection, once its first bytes have arrived. */
export async function serveRaw(respond: (socket: Socket) => void): Promise<Loopback> {
  const server = createServer();
  return listen(server, (onRequest) => {
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes) => {
        onRequest(bytes.toString('latin1').split(' HTTP/')[0] ?? '');
        respond(socket);
      });
    });
  });
}

/** Responds with a whole body. */
export const reply =
  (body: string | Uint8Array = '', headers: OutgoingHttpHeaders = {}, status = 200): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
  };

/** Sends a head and the first bytes of a body, and then nothing. */
export const drip =
  (headers: OutgoingHttpHeaders = {}, status = 200, bytes: string | Uint8Array = 'drip'): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers).write(bytes);
  };

/** Never responds. */
export const silence: RequestListener = () => undefined;

/** A request as a server received it. */
export interface Received {
  readonly method: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** Responds with the request, {@link Received} as JSON. */
export const mirror: RequestListener = (request, response) => {
  let body = '';
  request
    .setEncoding('utf8')
    .on('data', (chunk: string) => (body += chunk))
    .on('end', () => response.end(JSON.stringify({ method: request.method, body, headers: request.headers })));
};

/** The URL of a port that rejects connections. */
export async function refusingUrl(): Promise<string> {
  const server = await serve(() => undefined);
  await server.close();
  return server.url;
}

/** Closes the servers of a spec: for `afterEach`. */
export async function closeServers(): Promise<void> {
  await Promise.all([...open].map((server) => server.close()));
}

async function listen(
  server: Server | NetServer,
  handle: (onRequest: (request: string) => void) => void,
): Promise<Loopback> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  const requested = deferred();
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
    requested.resolve();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const loopback: Loopback = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    get connections() {
      return connections;
    },
    requests,
    requested: requested.promise,
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

/** As `Promise.withResolvers`, which Node 20 does not have. */
export function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
