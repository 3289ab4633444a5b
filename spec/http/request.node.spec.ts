import { expect } from 'chai';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import { lastValueFrom, repeat } from 'rxjs';
import { DecodeError, type FetchInit, fetchJson, fetchText } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, deferred, mirror, type Received, reply, serve, serveRaw } from '../support/servers.ts';
import { describeTransports } from '../support/transports.ts';

describeTransports('a request', ({ ctx, fetch }) => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  it('emits JSON, and completes', async () => {
    const { url } = await serve(reply('{"name":"Alice"}', { 'content-type': 'application/json' }));
    expect(await lastValueFrom(fetchJson(ctx, `${url}/profiles/42`))).to.deep.equal({ name: 'Alice' });
  });

  it('emits text, and completes', async () => {
    const { url } = await serve(reply('Name: Älice €'));
    expect(await lastValueFrom(fetchText(ctx, new URL(url)))).to.equal('Name: Älice €');
  });

  it('sends a request for each subscription, and none before', async () => {
    const server = await serve(reply('1'));
    const profile = fetchJson(ctx, `${server.url}/a`);
    await lastValueFrom(fetchJson(ctx, `${server.url}/b`));
    expect(server.requests).to.deep.equal(['GET /b']);
    await lastValueFrom(profile.pipe(repeat(2)));
    expect(server.requests).to.deep.equal(['GET /b', 'GET /a', 'GET /a']);
  });

  const bytes = new TextEncoder().encode('€');
  const form = 'application/x-www-form-urlencoded;charset=UTF-8';
  const bodies: [title: string, body: BodyInit, text: string, type: string | undefined][] = [
    ['a string', '€', '€', 'text/plain;charset=UTF-8'],
    ['an empty string', '', '', 'text/plain;charset=UTF-8'],
    ['bytes', bytes, '€', undefined],
    ['a buffer', bytes.buffer, '€', undefined],
    ['a view of a buffer', new DataView(new TextEncoder().encode('$€$').buffer, 1, 3), '€', undefined],
    ['parameters', new URLSearchParams({ a: '1 2' }), 'a=1+2', form],
    ['a blob', new Blob(['€'], { type: 'text/x' }), '€', 'text/x'],
    ['a blob without a type', new Blob(['€']), '€', undefined],
    ['a stream', new Blob(['€']).stream(), '€', undefined],
    ['a String', Object('€') as string, '€', 'text/plain;charset=UTF-8'],
    ['a number', 42 as never, '42', 'text/plain;charset=UTF-8'],
    ['a buffer of another realm', runInNewContext('new Uint8Array([226, 130, 172]).buffer') as never, '€', undefined],
  ];
  for (const [title, body, text, type] of bodies) {
    it(`sends ${title}, with its content type and its length`, async () => {
      const { url } = await serve(mirror);
      const init = { method: 'post', body, duplex: 'half' };
      const sent = await lastValueFrom(fetchJson<Received>(ctx, url, init));
      expect(sent).to.include({ method: 'POST', body: text });
      expect(sent.headers['content-type']).to.equal(type);
      const length = title === 'a stream' ? undefined : String(Buffer.byteLength(text));
      expect(sent.headers['content-length']).to.equal(length);
    });
  }

  for (const view of [false, true]) {
    it(`copies the bytes of a ${view ? 'view' : 'buffer'}, so that the caller may change them`, async () => {
      const { url } = await serve(mirror);
      const bytes = new TextEncoder().encode('€');
      const answer = lastValueFrom(
        fetchJson<Received>(ctx, url, { method: 'POST', body: view ? bytes : bytes.buffer }),
      );
      bytes.fill(0x78);
      expect((await answer).body).to.equal('€');
    });
  }

  async function* iterable(...chunks: unknown[]): AsyncGenerator {
    yield* await Promise.resolve(chunks);
  }
  const hex = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
  const streams: [title: string, body: unknown, sent: string][] = [
    ['a Readable with empty chunks', Readable.from(['', 'a', '', 'b', '']), 'ab'],
    ['an iterable with empty chunks', iterable('a', '', new DataView(new ArrayBuffer(0)), hex(), 'b'), 'ab'],
    ['an iterable of typed arrays', iterable(new Uint16Array([0x4241, 0x4443])), 'ABCD'],
    ['an iterable of buffers', iterable(hex(0x41).buffer, hex(0x42)), 'AB'],
    ['a stream of texts and views', Readable.toWeb(Readable.from([new Uint16Array([0x4241]), 'é'])), 'ABé'],
    ['an empty iterable', iterable(), ''],
  ];
  for (const [title, body, sent] of streams) {
    it(`sends all bytes of ${title}`, async () => {
      const { url } = await serve(mirror);
      const init = { method: 'POST', body, duplex: 'half' } as FetchInit;
      expect(await lastValueFrom(fetchJson<Received>(ctx, url, init))).to.include({ body: sent });
    });
  }

  it('fails with TypeError if a chunk of a stream is neither bytes nor text', async () => {
    const { url, closed } = await serve(mirror);
    const init = { method: 'POST', body: iterable('a', 5), duplex: 'half' } as never;
    const error = await failureOf(fetchJson(ctx, url, init), TypeError);
    expect(error.message).to.equal('fetch: body: a chunk: expected bytes or a text, got 5: encode it');
    await closed;
  });

  const sources: Readonly<Record<string, (onRelease: () => void) => object>> = {
    'a ReadableStream': (cancel) =>
      new ReadableStream({
        start: (controller) => {
          controller.enqueue(hex(1));
        },
        cancel,
      }),
    'a Readable': (destroy) => {
      const source = new PassThrough().on('close', destroy);
      source.write('a');
      return source;
    },
    'an iterable': (release) => ({
      [Symbol.asyncIterator]: () => {
        let chunks = 0;
        return {
          next: () => (chunks++ === 0 ? Promise.resolve({ value: hex(1) }) : new Promise(() => undefined)),
          return: release,
        };
      },
    }),
  };
  for (const [title, sourceOf] of Object.entries(sources)) {
    it(`releases ${title} that it is sending when the run ends`, async () => {
      const server = await serve((request) => request.on('data', received.resolve));
      const received = deferred();
      const released = deferred();
      const init = { method: 'POST', body: sourceOf(released.resolve), duplex: 'half' } as FetchInit;
      const run = fetchJson(ctx, server.url, init).subscribe();
      await received.promise;
      run.unsubscribe();
      await released.promise;
      await server.closed;
    });
  }

  for (const [title, readOf] of [
    ['read', (body: Readable) => body.resume()],
    ['destroyed', (body: Readable) => body.destroy()],
  ] as const) {
    it(`rejects a Readable that was ${title} before`, async () => {
      const server = await serve(mirror);
      const body = Readable.from(['abc']);
      await once(readOf(body), 'close');
      const error = await failureOf(
        fetchText(ctx, server.url, { method: 'PUT', body, duplex: 'half' } as never),
        TypeError,
      );
      expect(error.message).to.match(/^fetch: body: expected an unread stream, got a read one/);
      expect(server.requests).to.deep.equal([]);
    });
  }

  it('reads a body of many small chunks, and joins them', async () => {
    const text = 'aé€😀'.repeat(500);
    const { url } = await serve((_request, response) => {
      for (const byte of Buffer.from(text)) response.write(hex(byte));
      response.end();
    });
    expect(await lastValueFrom(fetchText(ctx, url))).to.equal(text);
  });

  it('sends a form as multipart', async () => {
    const { url } = await serve(mirror);
    const body = new FormData();
    body.set('name', 'Alice');
    body.set('photo', new Blob(['€'], { type: 'text/x' }), 'alice.txt');
    const sent = await lastValueFrom(fetchJson<Received>(ctx, url, { method: 'POST', body }));
    expect(sent.headers['content-type']).to.match(/^multipart\/form-data; ?boundary=/);
    expect(sent.headers['content-length']).to.equal(String(Buffer.byteLength(sent.body)));
    expect(sent.body).to.include('name="name"\r\n\r\nAlice\r\n');
    expect(sent.body).to.include('name="photo"; filename="alice.txt"\r\nContent-Type: text/x\r\n\r\n€\r\n');
  });

  it("sends the caller's content type instead of the body's own", async () => {
    const { url } = await serve(mirror);
    const init = { method: 'POST', body: '{"id":42}', headers: { 'Content-Type': 'application/json' } };
    const sent = await lastValueFrom(fetchJson<Received>(ctx, url, init));
    expect(sent).to.deep.include({ method: 'POST', body: '{"id":42}' });
    expect(sent.headers['content-type']).to.equal('application/json');
  });

  for (const [method, sent] of [
    ['delete', 'DELETE'],
    ['Put', 'PUT'],
    ['Patch', 'Patch'],
    ['getx', 'getx'],
    ['xget', 'xget'],
  ] as const) {
    it(`sends the method ${method} as ${sent}`, async () => {
      const server = await serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
      await lastValueFrom(fetchText(ctx, `${server.url}/users`, { method }));
      expect(server.requests).to.deep.equal([`${sent} /users`]);
    });
  }

  it('emits nothing of a HEAD, and reads the content type of a 204', async () => {
    const { url } = await serve((request, response) => {
      const status = request.method === 'HEAD' ? 200 : 204;
      response.writeHead(status, { 'content-encoding': 'gzip', 'content-type': 'a/b' }).end();
    });
    expect(await lastValueFrom(fetchText(ctx, url, { method: 'HEAD' }))).to.equal('');
    expect((await failureOf(fetchJson(ctx, url), DecodeError)).contentType).to.equal('a/b');
  });

  it('waits for the response behind an early hint', async () => {
    const { url } = await serve((_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('1');
    });
    expect(await lastValueFrom(fetchJson(ctx, url))).to.equal(1);
  });

  it('resolves when the headers have arrived, and then reads the body chunk by chunk', async () => {
    const { url } = await serve((_request, response) => {
      response.writeHead(201, { 'x-a': '1', 'set-cookie': ['a', 'b'] }).write('Ali');
      response.end('ce');
    });
    const { status, headers, body } = await fetch(new URL(url), {});
    expect(status).to.equal(201);
    const values = ['X-A', 'set-cookie', 'x-b', 'constructor'].map((name) => headers.get(name));
    expect(values).to.deep.equal(['1', 'a, b', null, null]);
    const reader = body!.getReader();
    let text = '';
    for (let done = false; !done;) {
      const chunk = await reader.read();
      text += Buffer.from(chunk.value ?? []).toString();
      ({ done } = chunk);
    }
    expect(text).to.equal('Alice');
    expect((await reader.read()).done).to.equal(true);
  });
});
