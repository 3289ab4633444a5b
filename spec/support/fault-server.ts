import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { faults } from './faults.ts';
import { deferred } from './servers.ts';

/** A connection, as the server observes it. */
interface Connection {
  /** The names of the requested faults, in order. */
  readonly requests: readonly string[];
  /** The bytes that the socket accepted for sending. */
  readonly written: number;
  readonly closed: Promise<void>;
}

/** A raw server with two origins. The path of a request names the fault with which it responds. */
export interface FaultServer {
  /** The URL of a fault, at the first origin. */
  readonly at: (name: string) => string;
  /** All connections that were ever opened, to both origins. */
  readonly connections: readonly Connection[];
  /** Resolves with the connection of the first request for a fault. */
  readonly requested: (name: string) => Promise<Connection>;
  /** Closes the server and all its connections. */
  readonly close: () => Promise<void>;
}

export async function startFaultServer(): Promise<FaultServer> {
  const connections: Connection[] = [];
  const sockets = new Set<Socket>();
  const onRequest = new Set<() => void>();

  const connect = (socket: Socket): void => {
    const requests: string[] = [];
    const { promise: closed, resolve } = deferred();
    connections.push({
      requests,
      closed,
      get written() {
        return socket.bytesWritten;
      },
    });
    sockets.add(socket);
    socket
      .on('error', () => undefined)
      .once('close', () => {
        sockets.delete(socket);
        resolve();
      });
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      // A client hello of TLS has no path.
      if (received.startsWith('\x16')) received = 'GET /no-tls HTTP/1.1\r\n\r\n';
      // A loop, because a client may send the next request before the response.
      for (let end; (end = received.indexOf('\r\n\r\n')) >= 0; received = received.slice(end + 4)) {
        const name = /^GET \/([^ ?]+)/.exec(received)?.[1] ?? '';
        requests.push(name);
        for (const notify of onRequest) notify();
        faults[name]!.respond(socket, there.url);
      }
    });
  };

  const [here, there, nowhere] = await Promise.all([listen(connect), listen(connect), listen(connect)]);
  await nowhere.close();
  const bases = { here: here.url, https: here.url.replace('http', 'https'), nowhere: nowhere.url };
  return {
    at: (name) => `${bases[faults[name]!.at ?? 'here']}/${name}`,
    connections,
    requested: (name) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = connections.find(({ requests }) => requests.includes(name));
          if (found) resolve(found);
        };
        onRequest.add(look);
        look();
      }),
    close: async () => {
      const closing = Promise.all([here.close(), there.close()]);
      for (const socket of sockets) socket.destroy();
      await closing;
    },
  };
}

async function listen(connect: (socket: Socket) => void): Promise<{ url: string; close: () => Promise<unknown> }> {
  const server: Server = createServer(connect).listen({ host: '127.0.0.1', port: 0, backlog: 1_024 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${String(port)}`, close: () => once(server.close(), 'close') };
}
