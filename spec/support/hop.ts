import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { concatMap, timer } from 'rxjs';
import { aggregate, fetchText, withDeadlineHeader, withTimeout } from '../../lib/index.ts';
import { contextOf, problemOf } from '../../lib/server/index.ts';

/** The messages that a server of a chain sends to the spec that has forked it. */
export type HopMessage =
  | { readonly type: 'chained' }
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'received'; readonly path: string; readonly timeout: string; readonly id: string }
  | { readonly type: 'closed'; readonly path: string };

/**
 * A server that requests the same path of the next server for each request. The spec sends the URL of the next server; the last
 * server has none, and never responds. The server called `second` waits for a minute before it requests `/slow-second`.
 */
async function main(name = process.argv[2] ?? ''): Promise<void> {
  let next: string | undefined;
  const report = (message: HopMessage): unknown => process.send?.(message);
  process.on('message', (url: string) => {
    next = url;
    report({ type: 'chained' });
  });
  const options = [withTimeout(60_000), withDeadlineHeader()];
  const server = createServer((request, response) => {
    const { url: path = '', headers } = request;
    report({ type: 'received', path, timeout: String(headers['grpc-timeout']), id: String(headers['x-request-id']) });
    response.on('close', () => {
      if (!response.writableFinished) report({ type: 'closed', path });
    });
    const base = next;
    if (base === undefined) return;
    const ctx = contextOf(request, response, { propagate: ['x-request-id'] });
    const wait = path === `/slow-${name}` ? 60_000 : 0;
    const chain = aggregate(
      { next: (ctx) => timer(wait).pipe(concatMap(() => fetchText(ctx, base + path))) },
      ...options,
    );
    chain(ctx).subscribe({
      next: (answer) => response.end(answer.next),
      error: (error: unknown) => {
        const { status, headers, body } = problemOf(error);
        response.writeHead(status, headers).end(JSON.stringify(body));
      },
    });
  });
  process.once('disconnect', () => process.exit());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  report({ type: 'listening', url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}` });
}

void main();
