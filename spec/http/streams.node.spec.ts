import { expect } from 'chai';
import type { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { firstValueFrom, lastValueFrom, map, type Observable, toArray } from 'rxjs';
import { type Context, fetchEvents, fetchJson, fetchLines, fetchResponse, HttpError } from '../../lib/index.ts';
import { expectNoLeaks } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, deferred, mirror, type Received, serve, serveRaw, silence } from '../support/servers.ts';
import { describeTransports } from '../support/transports.ts';

const head = (status: string, type: string) =>
  `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\nx-page: 2\r\n\r\n`;

/** Sends a body in chunks of one byte each. */
const byteByByte =
  (body: string, type: string, then = '0\r\n\r\n') =>
  (socket: Socket) => {
    const chunks = [...Buffer.from(body)].map((byte) => Buffer.from([0x31, 13, 10, byte, 13, 10]));
    socket.write(Buffer.concat([Buffer.from(head('200 OK', type)), ...chunks, Buffer.from(then)]));
  };
const all = <T>(source: Observable<T>): Promise<T[]> => lastValueFrom(source.pipe(toArray()));

describeTransports('streams on the wire', ({ fetch, ctx }) => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  it('read the same events, lines and bodies when each byte comes in a chunk of its own', async () => {
    const events = await serveRaw(
      byteByByte('\ufeffid: 1\r\ndata: €\rdata: b\n\r\n: hi\r\rdata: c\n\n', 'text/event-stream'),
    );
    expect(await all(fetchEvents(ctx, events.url))).to.deep.equal([
      { event: 'message', data: '€\nb', id: '1' },
      { event: 'message', data: 'c', id: '1' },
    ]);
    const lines = await serveRaw(byteByByte('"€"\r\n2\n', 'application/x-ndjson'));
    expect(await all(fetchLines(ctx, lines.url, { parse: JSON.parse }))).to.deep.equal(['€', 2]);
    const body = await serveRaw(byteByByte('"€"', 'application/json'));
    const response = await lastValueFrom(fetchResponse(ctx, body.url));
    expect([response.status, response.headers.get('X-Page'), response.body]).to.deep.equal([200, '2', '€']);
  });

  it('emits a 304 with its headers, and the headers of a failure', async () => {
    const server = await serve((request, response) => {
      const isKnown = request.headers['if-none-match'] === '"a"';
      response.writeHead(isKnown ? 304 : 429, { etag: '"a"', 'x-ratelimit-remaining': '0' }).end();
    });
    const headers = { 'if-none-match': '"a"' };
    const answer = await lastValueFrom(fetchResponse(ctx, server.url, { headers }));
    expect([answer.status, answer.headers.get('etag'), answer.body]).to.deep.equal([304, '"a"', undefined]);
    const error = await failureOf(fetchResponse(ctx, server.url), HttpError);
    expect(error.headers.get('x-ratelimit-remaining')).to.equal('0');
  });

  it('sends json', async () => {
    const server = await serve(mirror);
    const request = await lastValueFrom(fetchJson<Received>(ctx, server.url, { method: 'POST', json: { item: '€' } }));
    expect(request.body).to.equal('{"item":"€"}');
    expect(request.headers).to.include({ 'content-type': 'application/json', 'content-length': '14' });
  });

  const kinds: [
    name: string,
    type: string,
    text: string,
    request: (ctx: Context, url: string) => Observable<unknown>,
  ][] = [
    ['fetchEvents', 'text/event-stream', 'data: a\n\n', fetchEvents],
    ['fetchLines', 'text/plain', 'a\n', fetchLines],
    ['fetchResponse', 'application/json', '1', fetchResponse],
  ];
  for (const [name, type, text, request] of kinds) {
    it(`${name} closes the socket when the subscriber unsubscribes, before and after the head`, async () => {
      const silent = await serve(silence);
      const waiting = request(ctx, silent.url).subscribe();
      await silent.requested;
      waiting.unsubscribe();
      await silent.closed;

      const headed = await serveRaw((socket) => socket.write(head('200 OK', type)));
      const answered = deferred();
      const watched: Context = {
        fetch: async (...args) => {
          const response = await fetch(...args);
          answered.resolve();
          return response;
        },
      };
      const reading = request(watched, headed.url).subscribe();
      await answered.promise;
      reading.unsubscribe();
      await headed.closed;
    });

    if (name === 'fetchResponse') continue;
    it(`${name} closes the socket when the subscriber unsubscribes within next, and while it waits for more`, async () => {
      const open = `${text.length.toString(16)}\r\n${text}\r\n`;
      const first = await serveRaw((socket) => socket.write(head('200 OK', type) + open));
      await firstValueFrom(request(ctx, first.url));
      await first.closed;

      const second = await serveRaw((socket) => socket.write(head('200 OK', type) + open));
      const arrived = deferred();
      const reading = request(ctx, second.url).subscribe(arrived.resolve);
      await arrived.promise;
      reading.unsubscribe();
      await second.closed;
    });

    it(`${name} leaks nothing`, async () => {
      const body = text.repeat(3);
      const good = await serve((_request, response) => response.writeHead(200, { 'content-type': type }).end(body));
      const bad = await serve((_request, response) => {
        response.writeHead(200, { 'content-type': type });
        response.write(text, () => response.destroy());
      });
      await expectNoLeaks((own) => request(own, good.url), { fetch, fails: (own) => request(own, bad.url) });
    });
  }

  it('fetchEvents leaks nothing while it waits to reconnect', async () => {
    const server = await serve((request, response) => {
      if (request.headers['last-event-id'] === '1') response.writeHead(204).end();
      else response.writeHead(200, { 'content-type': 'text/event-stream' }).end('retry: 50\nid: 1\ndata: a\n\n');
    });
    const down = await serve((_request, response) => response.writeHead(404).end());
    const service = (url: string) => (own: Context) =>
      fetchEvents(own, url, { reconnect: true, idle: 60_000 }).pipe(map(({ data }) => data));
    await expectNoLeaks(service(server.url), { fetch, fails: service(down.url) });
  });

  it('a slow subscriber slows the server down, and little is buffered', async () => {
    const total = 48 * 2 ** 20;
    const shared = new BigInt64Array(new SharedArrayBuffer(8)); // the bytes that the server has sent or buffered
    const server = new Worker(
      `const { createServer } = require('node:http');
      const { parentPort, workerData: { shared, total } } = require('node:worker_threads');
      const line = Buffer.from('x'.repeat(1023) + '\\n');
      createServer((request, response) => {
        const send = () => {
          for (let more = true; more && Atomics.load(shared, 0) < total;) {
            more = response.write(line);
            Atomics.add(shared, 0, BigInt(line.length));
          }
          if (Atomics.load(shared, 0) < total) response.once('drain', send);
          else response.end();
        };
        send();
      }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port); });`,
      { eval: true, workerData: { shared, total: BigInt(total) } },
    );
    try {
      const port = await new Promise<number>((resolve) => server.once('message', resolve));
      const pause = new Int32Array(new SharedArrayBuffer(4));
      let read = 0;
      let ahead = 0;
      await lastValueFrom(
        fetchLines(ctx, `http://127.0.0.1:${String(port)}/`).pipe(
          map(({ length }) => {
            read += length + 1;
            ahead = Math.max(ahead, Number(Atomics.load(shared, 0)) - read);
            if (read % 2 ** 20 === 0) Atomics.wait(pause, 0, 0, 10); // a subscriber that works for 10 ms
          }),
        ),
      );
      expect(read).to.equal(total);
      expect(ahead / 2 ** 20).to.be.below(16); // the buffers of two sockets, and 64 KiB or so of ours
    } finally {
      await server.terminate();
    }
  });
});
