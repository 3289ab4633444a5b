import { expect } from 'chai';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { constants, createSecureServer } from 'node:http2';
import { type AddressInfo, connect, type Server } from 'node:net';
import { catchError, lastValueFrom, type Observable, of } from 'rxjs';
import { Agent, type Dispatcher, FormData as UndiciFormData, interceptors, MockAgent, Pool, ProxyAgent } from 'undici';
import {
  aggregate,
  background,
  CanceledError,
  type Context,
  type FetchInit,
  fetchJson,
  fetchText,
  HttpError,
  NetworkError,
  ServiceError,
  withFetch,
} from '../../lib/index.ts';
import { undiciFetch, type UndiciFetch } from '../../lib/http/undici/index.ts';
import { certificate, key } from '../support/certificate.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, deferred, drip, mirror, type Received, reply, serve, silence } from '../support/servers.ts';
import { rejectionOf } from '../support/transports.ts';

/** The promises of undiciFetch alone. Those that it shares with the global `fetch` are in the other specs of this folder. */
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

  const api = 'http://api.test/';
  const alice = reply('{"name":"Alice"}');

  it('closes the socket of the sibling when a service fails, as the transport of withFetch', async () => {
    const orders = await serve(silence);
    const profile = await serve((_request, response) => {
      void orders.requested.then(() => response.writeHead(500).end());
    });
    const dashboard = aggregate(
      { profile: (ctx) => fetchJson(ctx, profile.url), orders: (ctx) => fetchJson(ctx, orders.url) },
      withFetch(fetch),
    );
    const error = await failureOf(dashboard(background), ServiceError);
    expect(error.cause).to.be.instanceOf(HttpError);
    await orders.closed;
  });

  it('sends no request that is canceled in the queue of the dispatcher', async () => {
    const { promise, resolve } = deferred();
    const server = await serve((_request, response) => {
      void promise.then(() => response.end('1'));
    });
    const dispatcher = new Agent({ connections: 1 });
    const ctx = { fetch: undiciFetch({ dispatcher }) };
    const first = lastValueFrom(fetchJson(ctx, `${server.url}/first`));
    await server.requested;
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

  it('rejects the next read with the reason with which the reader canceled', async () => {
    const { url } = await serve(drip());
    const reader = (await fetch(new URL(url), {})).body!.getReader();
    await reader.read();
    await reader.cancel('enough');
    expect(await rejectionOf(Promise.resolve(reader.read()))).to.equal('enough');
  });

  it('accepts six content encodings of a response to HEAD, as fetch does', async () => {
    const { url } = await serve(reply('', { 'content-encoding': 'gzip, '.repeat(5) + 'gzip' }));
    for (const transport of [globalThis.fetch, fetch]) {
      expect(await lastValueFrom(fetchText({ fetch: transport }, url, { method: 'head' }))).to.equal('');
    }
  });

  for (const reason of [undefined, null, 0, 'boom', new Error('boom')]) {
    it(`rejects as fetch does when the stream that it sends breaks with ${String(reason)}`, async () => {
      const { url, closed } = await serve((request) => request.resume());
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield Promise.resolve(new Uint8Array(1));
        throw reason; // eslint-disable-line @typescript-eslint/only-throw-error -- a stream may break with anything
      }
      const bodies = [
        broken,
        () =>
          new ReadableStream({
            start: (controller) => {
              controller.error(reason);
            },
          }),
      ];
      for (const body of bodies) {
        const init = { method: 'PUT', duplex: 'half', body: body() } as RequestInit;
        expect(await rejectionOf(fetch(new URL(url), init))).to.be.instanceOf(TypeError);
      }
      await closed;
    });
  }

  it('rejects six content encodings, since each multiplies the size of a body', async () => {
    const server = await serve(drip({ 'content-encoding': 'gzip,gzip,gzip,gzip,gzip,gzip' }));
    const error = await failureOf(fetchText({ fetch }, server.url), NetworkError);
    expect(error.message).to.match(/^no answer from GET/);
    expect(error.cause).to.have.nested.property('cause.message', 'more than 5 content encodings');
    await server.closed;
  });

  describe('the signal of a request', () => {
    const platform = globalThis.AbortController;
    let created: number;
    beforeEach(() => {
      created = 0;
      globalThis.AbortController = class extends platform {
        constructor() {
          super();
          created++;
        }
      };
    });
    afterEach(() => {
      globalThis.AbortController = platform;
    });

    const cases: Readonly<Record<string, { readonly init?: FetchInit; readonly handler: RequestListener }>> = {
      'that succeeds': { handler: alice },
      'with a body': { init: { method: 'POST', json: { name: 'Alice' } }, handler: alice },
      'that fails': { handler: reply('', {}, 500) },
      'that follows a redirect': {
        init: { redirect: 'follow' },
        handler: (request, response) => {
          if (request.url === '/') response.writeHead(302, { location: '/next' }).end();
          else alice(request, response);
        },
      },
    };
    for (const [which, { init, handler }] of Object.entries(cases)) {
      it(`is not created, since nobody reads it: a request ${which}`, async () => {
        const { url } = await serve(handler);
        const profile = aggregate({ profile: (ctx) => fetchJson(ctx, url, init) }, withFetch(fetch));
        await lastValueFrom(profile(background).pipe(catchError(() => of(undefined))));
        expect(created).to.equal(0);
      });
    }
  });

  describe('the request', () => {
    for (const [url, encodings] of [
      ['http://api.test/', 'gzip, deflate'],
      ['https://api.test/', 'br, gzip, deflate'],
    ] as const) {
      it(`adds only the necessary headers, and accepts ${encodings} from ${url}`, () => {
        const headers = ['accept', '*/*', 'user-agent', 'undici', 'accept-encoding', encodings];
        expect(dispatch(url).options.headers).to.deep.equal(headers);
      });
    }

    it("has the caller's content type once", () => {
      const { options } = dispatch(api, { method: 'POST', body: '{}', headers: { 'Content-Type': 'a/b' } });
      const names = (options.headers as string[]).filter((_each, index) => index % 2 === 0);
      expect(names).to.deep.equal(['content-type', 'accept', 'user-agent', 'accept-encoding']);
    });

    it("has the URL's own host, even if ctx.propagate has another", async () => {
      const { url } = await serve(mirror);
      const sent = await lastValueFrom(fetchJson<Received>({ fetch, propagate: { Host: 'elsewhere.test' } }, url));
      expect(sent.headers['host']).to.equal(new URL(url).host);
    });

    it("can be undici's own FormData", async () => {
      const { url } = await serve(mirror);
      const form = new UndiciFormData();
      form.set('name', 'Alice');
      const init = { method: 'POST', body: form as unknown as FormData };
      const sent = await lastValueFrom(fetchJson<Received>({ fetch }, url, init));
      expect(sent.body).to.include('name="name"\r\n\r\nAlice\r\n');
    });

    it('is not sent for a scheme other than HTTP, even through a pool', async () => {
      const server = await serve(alice);
      const pool = new Pool(server.url);
      const ctx = { fetch: undiciFetch({ dispatcher: pool }) };
      const error = await failureOf(fetchJson(ctx, 'data:,secret'), NetworkError);
      expect(error).to.include({
        kind: 'unsendable',
        message: 'no answer from GET data: use http: or https:, and a port that fetch does not block',
      });
      expect(error.cause).to.have.nested.property('cause.message', 'unknown scheme');
      expect(server.requests).to.deep.equal([]);
      await pool.close();
    });
  });

  describe('the handler of a request', () => {
    /** A controller of undici, and the calls that it received. */
    const recordingController = () => {
      const calls: [name: 'abort' | 'pause' | 'resume', reason?: unknown][] = [];
      const controller = {
        abort: (reason: unknown) => calls.push(['abort', reason]),
        pause: () => calls.push(['pause']),
        resume: () => calls.push(['resume']),
      } as unknown as Dispatcher.DispatchController;
      return { calls, controller };
    };
    /** A request whose response has started. */
    const start = (controller: Dispatcher.DispatchController, init?: RequestInit): ReturnType<typeof dispatch> => {
      const request = dispatch(api, init);
      request.handler.onRequestStart?.(controller, {});
      request.handler.onResponseStart?.(controller, 200, {});
      return request;
    };

    it('pauses a body that is not read, and resumes it once it has been read', async () => {
      const { calls, controller } = recordingController();
      const { response, handler } = start(controller);
      let sent = 0;
      while (calls.length === 0) {
        const chunk = Buffer.alloc(10_000);
        sent += chunk.byteLength;
        handler.onResponseData?.(controller, chunk);
      }
      expect(sent).to.equal(70_000);
      const reader = (await response).body!.getReader();
      for (let read = 0; read < sent; read += 10_000) {
        expect(calls).to.deep.equal([['pause']]);
        expect((await reader.read()).value).to.have.length(10_000);
      }
      const last = reader.read();
      expect(calls).to.deep.equal([['pause'], ['resume']]);
      handler.onResponseData?.(controller, Buffer.from('x'));
      expect(String((await last).value)).to.equal('x');
      const end = reader.read();
      expect(calls).to.deep.equal([['pause'], ['resume']]);
      handler.onResponseEnd?.(controller, {});
      expect((await end).done).to.equal(true);
    });

    it('pauses from the first byte beyond 64 KiB', () => {
      const { calls, controller } = recordingController();
      const { handler } = start(controller);
      handler.onResponseData?.(controller, Buffer.alloc(65_536));
      expect(calls).to.deep.equal([]);
      handler.onResponseData?.(controller, Buffer.alloc(1));
      expect(calls).to.deep.equal([['pause']]);
    });

    it('emits the chunks that arrived before the connection broke', async () => {
      const { controller } = recordingController();
      const { response, handler } = start(controller);
      handler.onResponseData?.(controller, Buffer.from('Al'));
      handler.onResponseError?.(controller, new Error('reset'));
      const reader = (await response).body!.getReader();
      expect(String((await reader.read()).value)).to.equal('Al');
      const error = await rejectionOf(Promise.resolve(reader.read()));
      expect(error).to.be.instanceOf(TypeError).with.property('message', 'terminated');
    });

    for (const reason of ['the user left', new Error('the user left')]) {
      for (const early of [false, true]) {
        const when = early ? 'before the request has a connection' : 'after the request has started';
        it(`aborts in undici with an Error, and rejects with the reason, ${when}: ${String(reason)}`, async () => {
          const { calls, controller } = recordingController();
          const aborting = new AbortController();
          const { response, handler } = dispatch(api, { signal: aborting.signal });
          if (!early) handler.onRequestStart?.(controller, {});
          aborting.abort(reason);
          expect(await rejectionOf(response)).to.equal(reason);
          if (early) handler.onRequestStart?.(controller, {});
          expect(calls).to.have.length(1);
          const [name, error] = calls[0]!;
          expect(name).to.equal('abort');
          if (reason instanceof Error) expect(error).to.equal(reason);
          else {
            expect(error).to.be.instanceOf(DOMException);
            expect(error).to.include({ name: 'AbortError', message: 'The request was aborted.' });
          }
        });
      }
    }

    it('ends once: the reason of an abort stays when undici ends the request after it', async () => {
      const { calls, controller } = recordingController();
      const aborting = new AbortController();
      const { response, handler } = start(controller, { signal: aborting.signal });
      const reader = (await response).body!.getReader();
      const reason = new Error('the user left');
      aborting.abort(reason);
      handler.onResponseEnd?.(controller, {});
      handler.onResponseError?.(controller, new Error('late'));
      for (let read = 0; read < 2; read++) {
        expect(await rejectionOf(Promise.resolve(reader.read()))).to.equal(reason);
      }
      expect(calls).to.deep.equal([['abort', reason]]);
    });

    it('ends once: a reader that cancels a complete body aborts nothing', async () => {
      const { calls, controller } = recordingController();
      const { response, handler } = start(controller);
      handler.onResponseEnd?.(controller, {});
      await (await response).body!.getReader().cancel();
      expect(calls).to.deep.equal([]);
    });
  });

  describe('the connections', () => {
    it('are at most 256 to an origin: other requests to it wait, and other origins do not', async () => {
      const { promise: released, resolve: release } = deferred();
      const { promise: occupied, resolve: occupy } = deferred();
      let arrived = 0;
      const slow = await serve((_request, response) => {
        if (++arrived === 256) occupy();
        void released.then(() => response.end('1'));
      });
      const quick = await serve(alice);
      const answers = lastValueFrom(
        withTransport(Array.from({ length: 300 }, () => (ctx: Context) => fetchJson(ctx, slow.url))),
      );
      await occupied;
      await lastValueFrom(fetchJson({ fetch }, quick.url));
      expect(slow.connections).to.equal(256);
      release();
      expect(await answers).to.have.lengthOf(300);
      expect(slow.connections).to.equal(256);
    });

    const withTransport = (
      services: readonly ((ctx: Context) => Observable<unknown>)[],
    ): Observable<readonly unknown[]> => aggregate(services, withFetch(fetch))(background);
  });

  describe('the dispatcher', () => {
    it('can be a MockAgent', async () => {
      const dispatcher = new MockAgent();
      dispatcher.disableNetConnect();
      const path = { path: '/a?b=1', method: 'POST', body: 'x' };
      dispatcher.get('http://api.test').intercept(path).reply(200, { name: 'Alice' });
      const ctx = { fetch: undiciFetch({ dispatcher }) };
      const init = { method: 'POST', body: 'x' };
      expect(await lastValueFrom(fetchJson(ctx, `${api}a?b=1`, init))).to.deep.equal({ name: 'Alice' });
      const error = await failureOf(fetchJson(ctx, `${api}a?b=1`), NetworkError);
      expect(error.message).to.match(/^no answer \(UND_MOCK_ERR_MOCK_NOT_MATCHED\)/);
    });

    it('can be a Pool with interceptors', async () => {
      let count = 0;
      const server = await serve((_request, response) => response.writeHead(++count === 1 ? 503 : 200).end('1'));
      const pool = new Pool(server.url);
      const dispatcher = pool.compose(interceptors.retry({ minTimeout: 1, maxRetries: 1 }));
      expect(await lastValueFrom(fetchJson({ fetch: undiciFetch({ dispatcher }) }, server.url))).to.equal(1);
      expect(server.requests).to.have.length(2);
      await pool.close();
    });

    it('can be a ProxyAgent', async () => {
      const server = await serve(alice);
      const proxy = createHttpServer();
      const tunnels: string[] = [];
      proxy.on('connect', ({ url = '' }: { url?: string }, socket) => {
        tunnels.push(url);
        const [host, port] = url.split(':');
        const upstream = connect(Number(port), host, () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          upstream.pipe(socket).pipe(upstream);
        });
        for (const end of [upstream, socket]) end.on('error', () => undefined);
      });
      const dispatcher = new ProxyAgent({ uri: `http://${await listen(proxy)}`, proxyTunnel: true });
      const answer = fetchJson({ fetch: undiciFetch({ dispatcher }) }, server.url);
      expect(await lastValueFrom(answer)).to.deep.equal({ name: 'Alice' });
      expect(tunnels).to.deep.equal([new URL(server.url).host]);
      await dispatcher.destroy();
      proxy.close();
    });

    it('can be an Agent with HTTP/2, where canceling ends one stream of a connection', async () => {
      const canceled = deferred();
      const server = createSecureServer({ cert: certificate, key }, (request, response) => {
        if (request.url === '/silence') request.stream.on('close', canceled.resolve);
        else if (request.url === '/reset') request.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
        else if (request.url === '/canceled') request.stream.close(constants.NGHTTP2_CANCEL);
        else if (request.url === '/500') response.writeHead(500).end('oops');
        else response.end(JSON.stringify({ version: request.httpVersion }));
      });
      const sessions = new Set<object>();
      server.on('session', (session) => sessions.add(session));
      const base = `https://${await listen(server)}`;
      const dispatcher = new Agent({ allowH2: true, connections: 1, connect: { ca: certificate } });
      const ctx = { fetch: undiciFetch({ dispatcher }) };
      expect(await lastValueFrom(fetchJson(ctx, `${base}/`))).to.deep.equal({ version: '2.0' });
      const error = await failureOf(fetchJson(ctx, `${base}/500`), HttpError);
      expect(error).to.include({ status: 500, body: 'oops' });
      for (const path of ['/reset', '/canceled']) {
        expect(await failureOf(fetchJson(ctx, base + path), NetworkError)).to.include({ kind: 'broken' });
      }
      const requested = once(server, 'stream');
      const subscription = fetchJson(ctx, `${base}/silence`).subscribe();
      await requested;
      subscription.unsubscribe();
      await canceled.promise;
      expect(await lastValueFrom(fetchJson(ctx, `${base}/`))).to.deep.equal({ version: '2.0' });
      expect(sessions.size).to.equal(1);
      const distrusting = { fetch: undiciFetch({ dispatcher: new Agent({ allowH2: true }) }) };
      const untrusted = await failureOf(fetchJson(distrusting, base), NetworkError);
      expect(untrusted.message).to.match(/^no answer \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
      await dispatcher.destroy();
      server.close();
    });

    it('cannot be anything else: undiciFetch throws', () => {
      expect(() => undiciFetch({ dispatcher: 'http://proxy.test' as never })).to.throw(
        TypeError,
        'undiciFetch: dispatcher: expected a Dispatcher of undici, got a string: pass new Agent(), for example',
      );
    });
  });

  describe('closing', () => {
    it('waits for requests in flight, closes the connections and rejects later requests', async () => {
      const { promise, resolve } = deferred();
      const server = await serve((_request, response) => {
        void promise.then(() => response.end('1'));
      });
      const answer = lastValueFrom(fetchJson({ fetch }, server.url));
      await server.requested;
      const closed = fetch[Symbol.asyncDispose]();
      const error = await failureOf(fetchJson({ fetch }, server.url), NetworkError);
      expect(error.message).to.match(/^no answer \(UND_ERR_CLOSED\)/);
      resolve();
      expect(await answer).to.equal(1);
      await closed;
      await server.closed;
      await fetch.close(); // again
    });

    it('leaves a dispatcher open that was passed in', async () => {
      const { url } = await serve(alice);
      const dispatcher = new Agent();
      const given = undiciFetch({ dispatcher });
      await given.close();
      expect(dispatcher.closed).to.equal(false);
      expect(await lastValueFrom(fetchJson({ fetch: given }, url))).to.deep.equal({ name: 'Alice' });
      await dispatcher.close();
    });
  });

  /** Sends a request to a dispatcher that does nothing, and returns what the dispatcher received. */
  function dispatch(
    url: string,
    init: RequestInit = {},
  ): {
    readonly response: ReturnType<UndiciFetch>;
    readonly options: Dispatcher.DispatchOptions;
    readonly handler: Dispatcher.DispatchHandler;
  } {
    const received: [Dispatcher.DispatchOptions, Dispatcher.DispatchHandler][] = [];
    const dispatcher = {
      dispatch: (...args: (typeof received)[number]): boolean => received.push(args) > 0,
    } as unknown as Dispatcher;
    const response = undiciFetch({ dispatcher })(new URL(url), { ...init, redirect: 'error' });
    const [options, handler] = received[0]!;
    return { response, options, handler };
  }

  async function listen(server: Pick<Server, 'listen' | 'address' | 'once'>): Promise<string> {
    server.listen(0, '127.0.0.1');
    await once(server as Server, 'listening');
    return `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }
});
