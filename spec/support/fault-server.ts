import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { faults } from './faults.ts';
import { deferred } from './servers.ts';

/** What the server saw of a connection. */
interface Connection {
  /** The names of the faults that were asked for, in order. */
  readonly requests: readonly string[];
  /** The bytes that its socket took to send. */
  readonly written: number;
  readonly closed: Promise<void>;
}

/** Two origins of one raw server, which does with a socket what the path names. */
export interface FaultServer {
  /** The URL of a fault, at the first origin. */
  readonly at: (name: string) => string;
  /** The other origin. */
  readonly elsewhere: string;
  /** All that were ever opened, to both. */
  readonly connections: readonly Connection[];
  /** Resolves with the connection on which a fault is asked for. */
  readonly asked: (name: string) => Promise<Connection>;
  /** Closes the server and whatever is still connected. */
  readonly close: () => Promise<void>;
}

export async function startFaultServer(): Promise<FaultServer> {
  const connections: Connection[] = [];
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();

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
      // A client's hello to TLS says no path.
      if (received.startsWith('\x16')) received = 'GET /no-tls HTTP/1.1\r\n\r\n';
      // Each of them: a client may send its next request before it has the answer.
      for (let end; (end = received.indexOf('\r\n\r\n')) >= 0; received = received.slice(end + 4)) {
        const name = /^GET \/([^ ?]+)/.exec(received)?.[1] ?? '';
        requests.push(name);
        for (const look of waiting) look();
        faults[name]!.does(socket, there.url);
      }
    });
  };

  const [here, there, nowhere] = await Promise.all([listen(connect), listen(connect), listen(connect)]);
  await nowhere.close();
  return {
    at: (name) => {
      const { at } = faults[name]!;
      return `${at === 'nowhere' ? nowhere.url : at === 'https' ? here.url.replace('http', 'https') : here.url}/${name}`;
    },
    elsewhere: there.url,
    connections,
    asked: (name) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = connections.find(({ requests }) => requests.includes(name));
          if (found) resolve(found);
        };
        waiting.add(look);
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
