import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { lastValueFrom } from 'rxjs';
import { Agent, type Dispatcher, interceptors, MockAgent, Pool, ProxyAgent } from 'undici';
import {
  aggregate,
  background,
  BodyTooLargeError,
  CanceledError,
  DecodeError,
  fetchJson,
  fetchText,
  HttpError,
  NetworkError,
  ServiceError,
  silent,
  withFetch,
  withLogger,
} from '../../lib/index.ts';
import { undiciFetch, type UndiciFetch } from '../../lib/http/undici/index.ts';
import { certificate, key } from '../support/certificate.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, deferred, type Loopback, serve, serveRaw } from '../support/servers.ts';

/** What is its own: what it has in common with the global `fetch` is in fetch.node.spec.ts. */
describe('undiciFetch', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();

  let fetch: UndiciFetch;
  beforeEach(() => {
    fetch = undiciFetch();
  });
  afterEach(async () => {
    await closeServers();
    await fetch.close();
  });

  const alice: RequestListener = (_request, response) => response.end('{"name":"Alice"}');
  const silence: RequestListener = () => undefined;
  /** Answers what it was sent. */
  const mirror: RequestListener = (request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      response.end(JSON.stringify({ method: request.method, body, headers: request.headers }));
    });
  };
  interface Sent {
    readonly method: string;
    readonly body: string;
    readonly headers: Record<string, string | undefined>;
  }

  it('is a transport for withFetch: a failure closes the socket of the sibling', async () => {
    const orders = await serve(silence);
    const profile = await serve((_request, response) => {
      void orders.asked.then(() => response.writeHead(500).end());
    });
    const dashboard = aggregate(
      { profile: (ctx) => fetchJson(ctx, profile.url), orders: (ctx) => fetchJson(ctx, orders.url) },
      withFetch(fetch),
      withLogger(silent),
    );
    const error = await failureOf(dashboard(background), ServiceError);
    expect(error.cause).to.be.instanceOf(HttpError);
    await orders.closed;
  });

  describe('by itself', () => {
    it('answers with the status, the headers and the body, chunk by chunk', async () => {
      const { url } = await serve((_request, response) => {
        response.writeHead(201, { 'x-a': '1', 'set-cookie': ['a', 'b'] }).write('Ali');
        response.end('ce');
      });
      const { status, headers, body } = await fetch(new URL(url), {});
      expect(status).to.equal(201);
      expect(['X-A', 'set-cookie', 'x-b', 'constructor'].map((name) => headers.get(name))).to.deep.equal([
        '1',
        'a, b',
        null,
        null,
      ]);
      const reader = body!.getReader();
      let text = '';
      for (let done = false; !done;) {
        const chunk = await reader.read();
        text += String(chunk.value ?? '');
        ({ done } = chunk);
      }
      expect(text).to.equal('Alice');
      expect((await reader.read()).done).to.equal(true);
    });

    it('rejects as fetch does: a TypeError whose cause has the code', async () => {
      const { url } = await serveRaw((socket) => socket.end());
      const error = await rejection(fetch(new URL(url), {}));
      expect(error).to.be.instanceOf(TypeError).with.property('message', 'fetch failed');
      expect((error as Error).cause).to.have.property('code', 'UND_ERR_SOCKET');
    });

    it('rejects as fetch does where the connection breaks in the body', async () => {
      const { url } = await serve((_request, response) => {
        response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy());
      });
      const reader = (await fetch(new URL(url), {})).body!.getReader();
      expect(String((await reader.read()).value)).to.equal('x');
      const error = await rejection(Promise.resolve(reader.read()));
      expect(error).to.be.instanceOf(TypeError).with.property('message', 'terminated');
      expect((error as Error).cause).to.have.property('code', 'UND_ERR_SOCKET');
    });

    for (const reason of [new Error('the user left'), 'the user left']) {
      it(`rejects with the reason of its signal, ${String(reason)}, and closes the socket: before the headers`, async () => {
        const server = await serve(silence);
        const controller = new AbortController();
        const answer = rejection(fetch(new URL(server.url), { signal: controller.signal }));
        await server.asked;
        controller.abort(reason);
        expect(await answer).to.equal(reason);
        await server.closed;
      });

      it(`rejects with the reason of its signal, ${String(reason)}, and closes the socket: in the body`, async () => {
        const server = await serve((_request, response) => response.write('drip'));
        const controller = new AbortController();
        const { body } = await fetch(new URL(server.url), { signal: controller.signal });
        const reader = body!.getReader();
        expect(String((await reader.read()).value)).to.equal('drip');
        const read = rejection(Promise.resolve(reader.read()));
        controller.abort(reason);
        expect(await read).to.equal(reason);
        await server.closed;
      });
    }

    it('sends nothing where its signal has aborted already', async () => {
      const server = await serve(alice);
      expect(await rejection(fetch(new URL(server.url), { signal: AbortSignal.abort('left') }))).to.equal('left');
      await fetch(new URL('/later', server.url), {});
      expect(server.requests).to.deep.equal(['GET /later']);
    });

    it('heeds the signal of an init that somebody has copied', async () => {
      const server = await serve(silence);
      const copying: typeof fetch = Object.assign(
        (...[url, init]: Parameters<typeof fetch>) => fetch(url, { ...init }),
        fetch,
      );
      const subscription = fetchJson({ fetch: copying }, server.url).subscribe();
      await server.asked;
      subscription.unsubscribe();
      await server.closed;
    });

    it('sends no request that is canceled while a transport in front of it is at work', async () => {
      const server = await serve(alice);
      const { promise, resolve } = deferred();
      const late = deferred();
      const subscription = fetchJson(
        {
          fetch: async (url, init) => {
            await promise;
            const answer = fetch(url, init);
            late.resolve();
            return answer;
          },
        },
        `${server.url}/canceled`,
      ).subscribe();
      subscription.unsubscribe();
      resolve();
      await late.promise;
      await lastValueFrom(fetchJson({ fetch }, `${server.url}/later`));
      expect(server.requests).to.deep.equal(['GET /later']);
    });
  });

  it('sends no request that is canceled in the queue', async () => {
    const { promise, resolve } = deferred();
    const server = await serve((_request, response) => {
      void promise.then(() => response.end('1'));
    });
    const dispatcher = new Agent({ connections: 1 });
    const ctx = { fetch: undiciFetch({ dispatcher }) };
    const first = lastValueFrom(fetchJson(ctx, `${server.url}/first`));
    await server.asked;
    const controller = new AbortController();
    const queued = failureOf(fetchJson({ ...ctx, signal: controller.signal }, `${server.url}/queued`), CanceledError);
    controller.abort('the user left');
    expect((await queued).cause).to.equal('the user left');
    resolve();
    await first;
    await lastValueFrom(fetchJson(ctx, `${server.url}/last`));
    expect(server.requests).to.deep.equal(['GET /first', 'GET /last']);
    await dispatcher.close();
  });

  it('holds back a body that is not read, and goes on when it has been', async () => {
    const log: string[] = [];
    const controller = {
      pause: () => log.push('pause'),
      resume: () => log.push('resume'),
    } as unknown as Dispatcher.DispatchController;
    const { answer, handler } = begun(controller);
    let sent = 0;
    while (log.length === 0) {
      const chunk = Buffer.alloc(10_000);
      sent += chunk.byteLength;
      handler.onResponseData?.(controller, chunk);
    }
    expect(sent).to.equal(70_000);
    const reader = (await answer).body!.getReader();
    for (let read = 0; read < sent; read += 10_000) {
      expect(log).to.deep.equal(['pause']);
      expect((await reader.read()).value).to.have.length(10_000);
    }
    const last = reader.read();
    expect(log).to.deep.equal(['pause', 'resume']);
    handler.onResponseData?.(controller, Buffer.from('x'));
    expect(String((await last).value)).to.equal('x');
    const end = reader.read();
    expect(log).to.deep.equal(['pause', 'resume']);
    handler.onResponseEnd?.(controller, {});
    expect((await end).done).to.equal(true);
  });

  it('gives undici an error where the reason of the signal is none', async () => {
    const reasons: unknown[] = [];
    const controller = {
      abort: (reason: unknown) => reasons.push(reason),
    } as unknown as Dispatcher.DispatchController;
    const boom = new Error('boom');
    for (const reason of ['the user left', boom]) {
      const aborting = new AbortController();
      const { answer, handler } = dispatched('http://api.test/', { signal: aborting.signal });
      handler.onRequestStart?.(controller, {});
      aborting.abort(reason);
      expect(await rejection(answer)).to.equal(reason);
    }
    expect(reasons[0]).to.be.instanceOf(DOMException);
    expect(reasons[0]).to.include({ name: 'AbortError', message: 'The request was aborted.' });
    expect(reasons[1]).to.equal(boom);
  });

  it('gives what had come before it broke', async () => {
    const controller = {} as Dispatcher.DispatchController;
    const { answer, handler } = begun(controller);
    handler.onResponseData?.(controller, Buffer.from('Al'));
    handler.onResponseError?.(controller, new Error('reset'));
    const reader = (await answer).body!.getReader();
    expect(String((await reader.read()).value)).to.equal('Al');
    const error = await rejection(Promise.resolve(reader.read()));
    expect(error).to.be.instanceOf(TypeError).with.property('message', 'terminated');
  });

  it('is held back from the byte on that is one too many', () => {
    let paused = 0;
    const controller = { pause: () => paused++ } as unknown as Dispatcher.DispatchController;
    const { handler } = begun(controller);
    handler.onResponseData?.(controller, Buffer.alloc(65_536));
    expect(paused).to.equal(0);
    handler.onResponseData?.(controller, Buffer.alloc(1));
    expect(paused).to.equal(1);
  });

  it('tells undici the reason of an abort that came before the request had a connection', async () => {
    const aborts: unknown[] = [];
    const controller = { abort: (reason: unknown) => aborts.push(reason) } as unknown as Dispatcher.DispatchController;
    const aborting = new AbortController();
    const { answer, handler } = dispatched('http://api.test/', { signal: aborting.signal });
    const reason = new Error('the user left');
    aborting.abort(reason);
    expect(await rejection(answer)).to.equal(reason);
    handler.onRequestStart?.(controller, {});
    expect(aborts).to.deep.equal([reason]);
  });

  it('ends once: with its reason where undici ends it again, and with its answer where it is canceled after that', async () => {
    const aborts: unknown[] = [];
    const controller = { abort: (reason: unknown) => aborts.push(reason) } as unknown as Dispatcher.DispatchController;
    const aborting = new AbortController();
    const { answer, handler } = begun(controller, { signal: aborting.signal });
    const reader = (await answer).body!.getReader();
    aborting.abort(new Error('the user left'));
    handler.onResponseEnd?.(controller, {});
    handler.onResponseError?.(controller, new Error('late'));
    for (let read = 0; read < 2; read++) {
      expect(await rejection(Promise.resolve(reader.read()))).to.equal(aborting.signal.reason);
    }

    const answered = begun(controller);
    answered.handler.onResponseEnd?.(controller, {});
    await (await answered.answer).body!.getReader().cancel();
    expect(aborts).to.deep.equal([aborting.signal.reason]);
  });

  it('is canceled by the reader of its body', async () => {
    const server = await serve((_request, response) => response.write('drip'));
    const fetch = undiciFetch();
    const reader = (await fetch(new URL(server.url), {})).body!.getReader();
    await reader.read();
    const canceled = reader.cancel('enough');
    expect(canceled).to.be.instanceOf(Promise);
    await canceled;
    expect(await rejection(Promise.resolve(reader.read()))).to.equal('enough');
    await server.closed;
    await fetch.close();
  });

  describe('content encodings', () => {
    const text = JSON.stringify({ name: 'Alice', padding: 'x'.repeat(300_000) });
    const encodings: [string, Buffer][] = [
      ['gzip', gzipSync(text)],
      ['x-gzip', gzipSync(text)],
      ['GZIP', gzipSync(text)],
      ['deflate', deflateSync(text)],
      ['deflate', deflateRawSync(text)],
      ['br', brotliCompressSync(text)],
      ['deflate, gzip', gzipSync(deflateSync(text))],
      ['identity, gzip', gzipSync(text)],
      ['unknown', Buffer.from(text)],
    ];
    /** What `fetchText` makes of it, which is the same as over the global `fetch`. */
    const asFetchDoes = async (encoding: string, bytes: Uint8Array): Promise<string | undefined> => {
      const { url } = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': encoding }).end(bytes);
      });
      const answers = [fetch, globalThis.fetch].map((fetch) =>
        lastValueFrom(fetchText({ fetch }, url)).catch((error: unknown) => (error as Error).message),
      );
      const [ours, theirs] = await Promise.all(answers);
      expect(ours).to.equal(theirs);
      return ours;
    };

    for (const [encoding, bytes] of encodings) {
      const known = !/unknown|identity/.test(encoding);
      it(`${known ? 'decodes' : 'leaves as it is'} ${encoding}, ${String(bytes.byteLength)} bytes`, async () => {
        const ours = await asFetchDoes(encoding, bytes);
        if (known) expect(ours).to.equal(text);
      });
    }

    it('takes what there is of a body that was cut short, as fetch does', async () => {
      for (const [encoding, bytes] of encodings.filter(([encoding]) => /^(?:gzip|deflate|br)$/.test(encoding))) {
        expect(await asFetchDoes(encoding, bytes.subarray(0, -9))).to.match(/^\{"name":"/);
      }
    });

    it('takes an empty body that is said to be gzip', async () => {
      const { url } = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end();
      });
      expect(await lastValueFrom(fetchText({ fetch }, url))).to.equal('');
    });

    it('refuses six of them: each multiplies what a few bytes become', async () => {
      const server = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip,gzip,gzip,gzip,gzip,gzip' }).write('x');
      });
      const error = await failureOf(fetchText({ fetch }, server.url), NetworkError);
      expect(error.message).to.match(/^no answer from GET/);
      expect(error.cause).to.have.nested.property('cause.message', 'more than 5 content encodings');
      await server.closed;
    });

    it('decodes five of them', async () => {
      const bytes = Array.from({ length: 5 }).reduce<Buffer>((inner) => gzipSync(inner), Buffer.from('Alice'));
      const { url } = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip,gzip,gzip,gzip,gzip' }).end(bytes);
      });
      expect(await lastValueFrom(fetchText({ fetch }, url))).to.equal('Alice');
    });

    it('decodes more than a decoder takes at once', async () => {
      const large = randomBytes(2 ** 20).toString('base64');
      const { url } = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(large));
      });
      expect(await lastValueFrom(fetchText({ fetch }, url))).to.equal(large);
    });

    it('is a body cut short, and closes the socket, where the bytes are not what it says', async () => {
      const server = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).write('no gzip');
      });
      const error = await failureOf(fetchText({ fetch }, server.url), NetworkError);
      expect(error.message).to.match(/^a body cut short \(Z_DATA_ERROR\)/);
      await server.closed;
    });

    it('stops a brotli bomb while it arrives, and closes the socket', async () => {
      const bomb = brotliCompressSync(Buffer.alloc(2 ** 25), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
      const server = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'br' }).write(bomb);
      });
      await failureOf(fetchText({ fetch }, server.url, { maxBytes: 2 ** 20 }), BodyTooLargeError);
      await server.closed;
    });

    it('is a body cut short where the connection breaks', async () => {
      const { url } = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 9_999 });
        response.write(gzipSync(text).subarray(0, 100), () => response.destroy());
      });
      const error = await failureOf(fetchText({ fetch }, url), NetworkError);
      expect(error.message).to.match(/^a body cut short \((ECONNRESET|UND_ERR_SOCKET)\)/);
    });
  });

  describe('what it sends', () => {
    const bodies: [string, BodyInit, string, string | undefined][] = [
      ['a string', '€', '€', 'text/plain;charset=UTF-8'],
      ['an empty string', '', '', 'text/plain;charset=UTF-8'],
      ['bytes', new TextEncoder().encode('€'), '€', undefined],
      ['parameters', new URLSearchParams({ a: '1 2' }), 'a=1+2', 'application/x-www-form-urlencoded;charset=UTF-8'],
      ['a blob', new Blob(['€'], { type: 'text/x' }), '€', 'text/x'],
      ['a buffer', new TextEncoder().encode('€').buffer, '€', undefined],
      ['a view', new DataView(new TextEncoder().encode('$€$').buffer, 1, 3), '€', undefined],
      ['a stream', new Blob(['€']).stream(), '€', undefined],
    ];
    for (const [name, body, text, type] of bodies) {
      it(`is ${name}, with the type that fetch says`, async () => {
        const { url } = await serve(mirror);
        const sent = await lastValueFrom(fetchJson<Sent>({ fetch }, url, { method: 'post', body }));
        expect(sent.method).to.equal('POST');
        expect(sent.body).to.equal(text);
        expect(sent.headers['content-type']).to.equal(type);
        const length = name === 'a stream' ? undefined : String(Buffer.byteLength(text));
        expect(sent.headers['content-length']).to.equal(length);
      });
    }

    it('is a form, as multipart', async () => {
      const { url } = await serve(mirror);
      const body = new FormData();
      body.set('name', 'Alice');
      body.set('photo', new Blob(['€'], { type: 'text/x' }), 'alice.txt');
      const sent = await lastValueFrom(fetchJson<Sent>({ fetch }, url, { method: 'POST', body }));
      expect(sent.headers['content-type']).to.match(/^multipart\/form-data; ?boundary=/);
      expect(sent.headers['content-length']).to.equal(String(Buffer.byteLength(sent.body)));
      expect(sent.body).to.include('name="name"\r\n\r\nAlice\r\n');
      expect(sent.body).to.include('name="photo"; filename="alice.txt"\r\nContent-Type: text/x\r\n\r\n€\r\n');
    });

    it('is the type that the caller says', async () => {
      const { url } = await serve(mirror);
      const init = { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } };
      expect((await lastValueFrom(fetchJson<Sent>({ fetch }, url, init))).headers['content-type']).to.equal(
        'application/json',
      );
      const { options } = dispatched('http://api.test/', init);
      expect((options.headers as string[]).filter((_each, index) => index % 2 === 0)).to.deep.equal([
        'content-type',
        'accept',
        'user-agent',
        'accept-encoding',
      ]);
    });

    it('is the method as it was given, but for those that fetch knows in any case', () => {
      for (const [given, sent] of [
        ['delete', 'DELETE'],
        ['Put', 'PUT'],
        ['patch', 'patch'],
        ['getx', 'getx'],
        ['xget', 'xget'],
      ] as const) {
        expect(dispatched('http://api.test/', { method: given }).options.method).to.equal(sent);
      }
    });

    it('is nothing but the headers that fetch adds, where the caller has none: Brotli over TLS alone', () => {
      for (const [url, encodings] of [
        ['http://api.test/', 'gzip, deflate'],
        ['https://api.test/', 'br, gzip, deflate'],
      ] as const) {
        const added = ['accept', '*/*', 'user-agent', 'undici', 'accept-encoding', encodings];
        expect(dispatched(url).options.headers).to.deep.equal(added);
      }
    });

    it('asks for the encodings that fetch asks for, unless the caller does', async () => {
      const { url } = await serve(mirror);
      const sent = async (
        init: RequestInit,
        transport: typeof globalThis.fetch | UndiciFetch = fetch,
      ): Promise<unknown> =>
        (await lastValueFrom(fetchJson<Sent>({ fetch: transport }, url, init))).headers['accept-encoding'];
      expect(await sent({})).to.equal(await sent({}, globalThis.fetch));
      expect(await sent({ headers: { range: 'bytes=0-' } })).to.equal('identity');
      expect(await sent({ headers: { 'accept-encoding': 'br' } })).to.equal('br');
    });

    it("is the URL's own host, whatever is propagated", async () => {
      const { url } = await serve(mirror);
      const sent = await lastValueFrom(fetchJson<Sent>({ fetch, propagate: { Host: 'elsewhere.test' } }, url));
      expect(sent.headers['host']).to.equal(new URL(url).host);
    });

    it('is no request for another scheme, by a pool neither', async () => {
      const server = await serve(alice);
      const pool = new Pool(server.url);
      const error = await failureOf(
        fetchJson({ fetch: undiciFetch({ dispatcher: pool }) }, 'data:,secret'),
        NetworkError,
      );
      expect(error.message).to.equal('no answer from GET data:');
      expect(error.cause).to.have.nested.property('cause.message', 'unknown scheme');
      expect(server.requests).to.deep.equal([]);
      await pool.close();
    });
  });

  describe('a redirect', () => {
    const redirect = async (status = 302): Promise<{ from: Loopback; to: Loopback }> => {
      const to = await serve(mirror);
      const from = await serve((_request, response) =>
        response.writeHead(status, { location: `${to.url}/there` }).end(),
      );
      return { from, to };
    };

    it('that is followed leaves credentials behind', async () => {
      const { from } = await redirect();
      const headers = { authorization: 'Bearer secret', cookie: 'secret', 'x-a': '1' };
      const sent = await lastValueFrom(fetchJson<Sent>({ fetch }, from.url, { redirect: 'follow', headers }));
      expect(sent.headers).to.include({ 'x-a': '1' }).and.not.to.have.any.keys('authorization', 'cookie');
    });

    it('that is followed makes a GET of a POST, and keeps it with 307', async () => {
      for (const [status, method, body] of [
        [302, 'GET', ''],
        [307, 'POST', 'x'],
      ] as const) {
        const { from } = await redirect(status);
        const sent = await lastValueFrom(
          fetchJson<Sent>({ fetch }, from.url, { redirect: 'follow', method: 'POST', body: 'x' }),
        );
        expect(sent).to.include({ method, body });
      }
    });

    it('that goes round is a NetworkError', async () => {
      let count = 0;
      const { url } = await serve((_request, response) =>
        response.writeHead(302, { location: `/${String(++count)}` }).end(),
      );
      await failureOf(fetchJson({ fetch }, url, { redirect: 'follow' }), NetworkError);
      expect(count).to.equal(21);
    });

    it('that is refused rejects as fetch does', async () => {
      const { from } = await redirect();
      const error = await rejection(fetch(new URL(from.url), { redirect: 'error' }));
      expect(error).to.be.instanceOf(TypeError).with.property('message', 'fetch failed');
      expect((error as Error).cause).to.have.property('message', 'unexpected redirect');
    });

    it('that is refused closes the socket where its body drips, and keeps it where it has none', async () => {
      const dripping = await serve((_request, response) => response.writeHead(302, { location: '/' }).write('drip'));
      await failureOf(fetchJson({ fetch }, dripping.url), NetworkError);
      await dripping.closed;
      const { from } = await redirect();
      for (let count = 0; count < 20; count++) await failureOf(fetchJson({ fetch }, from.url), NetworkError);
      expect(from.connections).to.be.at.most(2);
    });
  });

  describe('the dispatcher', () => {
    it('may be a MockAgent', async () => {
      const dispatcher = new MockAgent();
      dispatcher.disableNetConnect();
      dispatcher
        .get('http://api.test')
        .intercept({ path: '/a?b=1', method: 'POST', body: 'x' })
        .reply(200, { name: 'Alice' });
      const ctx = { fetch: undiciFetch({ dispatcher }) };
      const init = { method: 'POST', body: 'x' };
      expect(await lastValueFrom(fetchJson(ctx, 'http://api.test/a?b=1', init))).to.deep.equal({ name: 'Alice' });
      const error = await failureOf(fetchJson(ctx, 'http://api.test/a?b=1'), NetworkError);
      expect(error.message).to.match(/^no answer \(UND_MOCK_ERR_MOCK_NOT_MATCHED\)/);
    });

    it('may be a Pool, or any with interceptors', async () => {
      let count = 0;
      const server = await serve((_request, response) => response.writeHead(++count === 1 ? 503 : 200).end('1'));
      const pool = new Pool(server.url);
      const dispatcher = pool.compose(interceptors.retry({ minTimeout: 1, maxRetries: 1 }));
      expect(await lastValueFrom(fetchJson({ fetch: undiciFetch({ dispatcher }) }, server.url))).to.equal(1);
      expect(server.requests).to.have.length(2);
      await pool.close();
    });

    it('may be a ProxyAgent', async () => {
      const server = await serve(alice);
      const proxy = createHttpServer();
      const asked: string[] = [];
      proxy.on('connect', ({ url = '' }: { url?: string }, socket) => {
        asked.push(url);
        const [host, port] = url.split(':');
        const upstream = connect(Number(port), host, () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          upstream.pipe(socket).pipe(upstream);
        });
        for (const end of [upstream, socket]) end.on('error', () => undefined);
      });
      proxy.listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const dispatcher = new ProxyAgent({
        uri: `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}`,
        proxyTunnel: true,
      });
      const answer = fetchJson({ fetch: undiciFetch({ dispatcher }) }, server.url);
      expect(await lastValueFrom(answer)).to.deep.equal({ name: 'Alice' });
      expect(asked).to.deep.equal([new URL(server.url).host]);
      await dispatcher.destroy();
      proxy.close();
    });

    it('speaks HTTP/2 where it may, and cancels one stream of a connection', async () => {
      const canceled = deferred();
      const server = createSecureServer({ cert: certificate, key }, (request, response) => {
        if (request.url === '/silence') request.stream.on('close', canceled.resolve);
        else if (request.url === '/500') response.writeHead(500).end('oops');
        else response.end(JSON.stringify({ version: request.httpVersion }));
      });
      const sessions = new Set<object>();
      server.on('session', (session) => sessions.add(session));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const base = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
      const dispatcher = new Agent({ allowH2: true, connections: 1, connect: { ca: certificate } });
      const ctx = { fetch: undiciFetch({ dispatcher }) };
      expect(await lastValueFrom(fetchJson(ctx, `${base}/`))).to.deep.equal({ version: '2.0' });
      const error = await failureOf(fetchJson(ctx, `${base}/500`), HttpError);
      expect(error).to.include({ status: 500, body: 'oops' });
      const asked = once(server, 'stream');
      const subscription = fetchJson(ctx, `${base}/silence`).subscribe();
      await asked;
      subscription.unsubscribe();
      await canceled.promise;
      expect(await lastValueFrom(fetchJson(ctx, `${base}/`))).to.deep.equal({ version: '2.0' });
      expect(sessions.size).to.equal(1);
      const stranger = new Agent({ allowH2: true });
      const untrusted = await failureOf(
        fetchJson({ fetch: undiciFetch({ dispatcher: stranger }) }, base),
        NetworkError,
      );
      expect(untrusted.message).to.match(/^no answer \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
      await dispatcher.destroy();
      server.close();
    });

    it('that is none is refused', () => {
      expect(() => undiciFetch({ dispatcher: 'http://proxy.test' as never })).to.throw(
        TypeError,
        'undiciFetch: dispatcher: expected a Dispatcher of undici, got a string: pass new Agent(), for example',
      );
    });
  });

  describe('closing', () => {
    it('waits for what is in flight, closes the connections and refuses what comes later', async () => {
      const { promise, resolve } = deferred();
      const server = await serve((_request, response) => {
        void promise.then(() => response.end('1'));
      });
      const answer = lastValueFrom(fetchJson({ fetch }, server.url));
      await server.asked;
      const closed = fetch[Symbol.asyncDispose]();
      const error = await failureOf(fetchJson({ fetch }, server.url), NetworkError);
      expect(error.message).to.match(/^no answer \(UND_ERR_CLOSED\)/);
      resolve();
      expect(await answer).to.equal(1);
      await closed;
      await server.closed;
      await fetch.close(); // again
    });

    it('leaves a dispatcher that was given to who made it', async () => {
      const { url } = await serve(alice);
      const dispatcher = new Agent();
      const given = undiciFetch({ dispatcher });
      await given.close();
      expect(dispatcher.closed).to.equal(false);
      expect(await lastValueFrom(fetchJson({ fetch: given }, url))).to.deep.equal({ name: 'Alice' });
      await dispatcher.close();
    });
  });

  it('takes a HEAD and a 204 for what they are', async () => {
    const { url } = await serve((request, response) => {
      response
        .writeHead(request.method === 'HEAD' ? 200 : 204, { 'content-encoding': 'gzip', 'content-type': 'a/b' })
        .end();
    });
    expect(await lastValueFrom(fetchText({ fetch }, url, { method: 'HEAD' }))).to.equal('');
    expect((await failureOf(fetchJson({ fetch }, url), DecodeError)).contentType).to.equal('a/b');
  });

  it('waits for the response behind an early hint', async () => {
    const { url } = await serve((_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('1');
    });
    expect(await lastValueFrom(fetchJson({ fetch }, url))).to.equal(1);
  });

  /** A request, and how a dispatcher sees it that does nothing. */
  function dispatched(
    url: string,
    init: RequestInit = {},
  ): {
    readonly answer: ReturnType<UndiciFetch>;
    readonly options: Dispatcher.DispatchOptions;
    readonly handler: Dispatcher.DispatchHandler;
  } {
    const seen: [Dispatcher.DispatchOptions, Dispatcher.DispatchHandler][] = [];
    const dispatch = (...args: (typeof seen)[number]): boolean => seen.push(args) > 0;
    const dispatcher = { dispatch } as unknown as Dispatcher;
    const answer = undiciFetch({ dispatcher })(new URL(url), { ...init, redirect: 'error' });
    const [options, handler] = seen[0]!;
    return { answer, options, handler };
  }

  /** As {@link dispatched}, and its headers have come. */
  function begun(controller: Dispatcher.DispatchController, init?: RequestInit): ReturnType<typeof dispatched> {
    const exchange = dispatched('http://api.test/', init);
    exchange.handler.onRequestStart?.(controller, {});
    exchange.handler.onResponseStart?.(controller, 200, {});
    return exchange;
  }

  async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
    return promise.then(
      () => expect.fail('no rejection'),
      (error: unknown) => error,
    );
  }
});
