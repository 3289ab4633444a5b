import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
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

/** Answers GET and HEAD of the paths that match; `pattern` captures the id, which may be anything but a slash. */
export function route(
  pattern: RegExp,
  answer: (id: string, request: IncomingMessage, response: ServerResponse) => void,
): RequestListener {
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const id = pattern.exec(path)?.[1];
    if (id === undefined) {
      send(response, 404, 'not found');
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      send(response, 405, 'method not allowed');
    } else {
      answer(id, request, response);
    }
  };
}

/** A positive integer that a `number` holds exactly, in digits; otherwise `undefined`. */
export function idOf(text: string): number | undefined {
  const id = Number(text);
  return /^\d+$/.test(text) && id > 0 && Number.isSafeInteger(id) ? id : undefined;
}

/** Sends the whole response. */
export function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
