import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { certificate, key } from '../spec/support/certificate.ts';
import { rarelySlow, stragglers } from '../spec/support/latencies.ts';
import { onTask } from './child.ts';

// The services, in their own process. They implement little of HTTP, so that the clients dominate the measurements. Each service
// has its own origin.
//
//   /ok            responds at once
//   /after/:ms     responds after that time
//   /within/:ms    responds after a random time, at most that long
//   /stragglers    responds after a log-normal time (mean 5 ms, deviation 2 ms), and to 5 % of the requests after 10 times that
//   /rarely-slow   responds after 8 to 12 ms, and to 1 % of the requests after 1 s
//   /hang/:id      never responds
//   /fail/:id      responds with a 500 when a request hangs under the same id
//   /refuse        responds with a 500 at once
//
// Over TLS, Node serves HTTP/1.1 and HTTP/2: /ok, /refuse (a 500 at once) and /never.

/** The tasks of the upstream. */
export type UpstreamTask =
  | { readonly task: 'listen'; readonly origins: number; readonly secure: boolean }
  | { readonly task: 'report' }
  | { readonly task: 'hang up' };

/** The requests since the last report. */
export interface UpstreamReport {
  readonly requests: number;
  /** Milliseconds from the failure to the close of the hanging connection with the same id. */
  readonly closedAfter: Readonly<Record<string, number>>;
  /** The ids of requests that still hang. */
  readonly hanging: readonly string[];
}

const body = '{"name":"Alice","orders":5}';
const ok = response('200 OK');
const failed = response('500 Internal Server Error');
const sockets = new Set<Socket>();
const hanging = new Map<string, Socket>();
const failing = new Map<string, Socket>();
const failedAt = new Map<string, number>();
const stragglerMs = stragglers(Math.random);
const rarelySlowMs = rarelySlow(Math.random);
let requests = 0;
let closedAfter: Record<string, number> = {};

onTask((task: UpstreamTask): unknown => {
  if (task.task === 'listen')
    return Promise.all(Array.from({ length: task.origins }, task.secure ? listenSecurely : listen));
  if (task.task === 'hang up') {
    // A reset avoids tens of thousands of sockets in TIME_WAIT.
    for (const socket of sockets) socket.resetAndDestroy();
    return null;
  }
  const report: UpstreamReport = { requests, closedAfter, hanging: [...hanging.keys()] };
  requests = 0;
  closedAfter = {};
  return report;
});

function listen(): Promise<string> {
  return listening(createServer({ noDelay: true }, serve), 'http');
}

function listenSecurely(): Promise<string> {
  const server = createSecureServer({ cert: certificate, key, allowHTTP1: true }, serveSecurely);
  server.on('connection', keep);
  return listening(server, 'https');
}

function listening(server: Server, scheme: string): Promise<string> {
  return new Promise((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 8_192 }, () => {
      resolve(`${scheme}://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
    });
  });
}

function keep(socket: Socket): void {
  sockets.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => sockets.delete(socket));
}

function serveSecurely({ url }: Http2ServerRequest, response: Http2ServerResponse): void {
  response.on('error', () => undefined);
  if (url === '/never') return;
  response.writeHead(url === '/ok' ? 200 : 500, { 'content-type': 'application/json' }).end(body);
}

function serve(socket: Socket): void {
  let received = '';
  keep(socket);
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk;
    for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
      requests++;
      handle(socket, received.slice(received.indexOf(' ') + 1, received.indexOf(' HTTP/')));
      received = received.slice(end + 4);
    }
  });
}

function handle(socket: Socket, path: string): void {
  const [, kind, id = ''] = path.split('/');
  if (kind === 'ok') socket.write(ok);
  else if (kind === 'after') later(socket, Number(id));
  else if (kind === 'within') later(socket, Math.random() * Number(id));
  else if (kind === 'stragglers') later(socket, stragglerMs());
  else if (kind === 'rarely-slow') later(socket, rarelySlowMs());
  else if (kind === 'refuse') socket.write(failed);
  else if (kind === 'hang') hang(socket, id);
  else if (hanging.has(id)) fail(socket, id);
  else failing.set(id, socket);
}

function later(socket: Socket, ms: number): void {
  setTimeout(() => {
    if (!socket.destroyed) socket.write(ok);
  }, ms);
}

function hang(socket: Socket, id: string): void {
  hanging.set(id, socket);
  const onClose = (): void => {
    if (!hanging.delete(id)) return;
    const at = failedAt.get(id);
    if (at !== undefined) closedAfter[id] = performance.now() - at;
    failedAt.delete(id);
  };
  socket.once('end', onClose).once('close', onClose);
  const waiting = failing.get(id);
  if (waiting) fail(waiting, id);
}

function fail(socket: Socket, id: string): void {
  failing.delete(id);
  failedAt.set(id, performance.now());
  socket.write(failed);
}

function response(status: string): string {
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`;
}
