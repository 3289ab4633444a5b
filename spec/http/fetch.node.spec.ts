import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { forkJoin, lastValueFrom, type Observable, repeat } from 'rxjs';
import {
  background,
  BodyTooLargeError,
  CanceledError,
  type Context,
  DecodeError,
  type Fetch,
  type FetchInit,
  HttpError,
  NetworkError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, deferred, type Loopback, refusingUrl, serve, serveRaw } from '../support/servers.ts';
import { describeWires } from '../support/wire.ts';

describeWires('fetch on loopback', function ({ fetch, fetchJson, fetchText, name }) {
  this.timeout(30_000);
  expectNoUnhandledRejections();
  afterEach(closeServers);

  const json =
    (body: string): RequestListener =>
    (_request, response) => {
      response.setHeader('content-type', 'application/json').end(body);
    };
  const alice = json('{"name":"Alice"}');

  /** Answers nothing. */
  const silence: RequestListener = () => undefined;

  /** Answers a status and the first bytes of a body, and then nothing. */
  const drip =
    (status = 200): RequestListener =>
    (_request, response) => {
      response.writeHead(status).write('drip');
    };

  /** The transport, which also says when the headers are there. */
  const announced = (): { readonly fetch: Fetch; readonly headers: Promise<void> } => {
    const { promise, resolve } = deferred();
    return {
      headers: promise,
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        setImmediate(resolve); // when the body is being read
        return response;
      },
    };
  };

  describe('answers', () => {
    it('emits the JSON, and completes', async () => {
      const { url } = await serve(alice);
      expect(await lastValueFrom(fetchJson(background, `${url}/profiles/42`))).to.deep.equal({ name: 'Alice' });
    });

    it('emits the text, and completes', async () => {
      const { url } = await serve((_request, response) => response.end('Name: Älice €'));
      expect(await lastValueFrom(fetchText(background, new URL(url)))).to.equal('Name: Älice €');
    });

    it('asks anew for each subscription, and not before', async () => {
      const server = await serve(alice);
      const profile = fetchJson(background, `${server.url}/a`);
      await lastValueFrom(fetchJson(background, `${server.url}/b`));
      expect(server.requests).to.deep.equal(['GET /b']);
      await lastValueFrom(profile.pipe(repeat(2)));
      expect(server.requests).to.deep.equal(['GET /b', 'GET /a', 'GET /a']);
    });

    it('sends what `init` says: the method, the headers, the body', async () => {
      const server = await serve((request, response) => {
        request.setEncoding('utf8').on('data', (body: string) => {
          response.end(JSON.stringify({ body, type: request.headers['content-type'] }));
        });
      });
      const init = { method: 'POST', body: '{"id":42}', headers: { 'content-type': 'application/json' } };
      expect(await lastValueFrom(fetchJson(background, `${server.url}/users`, init))).to.deep.equal({
        body: '{"id":42}',
        type: 'application/json',
      });
      expect(server.requests).to.deep.equal(['POST /users']);
    });

    it('keeps an own `__proto__` of the JSON an own key', async () => {
      const { url } = await serve(json('{"__proto__":{"admin":true},"name":"Alice"}'));
      const answer = await lastValueFrom(fetchJson<object>(background, url));
      expect(Object.keys(answer)).to.deep.equal(['__proto__', 'name']);
      expect(Object.getPrototypeOf(answer)).to.equal(Object.prototype);
      expect(answer).not.to.have.property('admin');
      expect({}).not.to.have.property('admin');
    });

    it('decodes gzip', async () => {
      const { url } = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"name":"Alice"}'));
      });
      expect(await lastValueFrom(fetchJson(background, url))).to.deep.equal({ name: 'Alice' });
    });
  });

  describe('canceling', () => {
    it('closes the socket on unsubscribe while the body of a 500 streams', async () => {
      const server = await serve(drip(500));
      const { fetch, headers } = announced();
      const notified: unknown[] = [];
      const subscription = fetchText({ fetch }, server.url).subscribe({
        error: (error: unknown) => notified.push(error),
      });
      await headers;
      subscription.unsubscribe();
      await server.closed;
      expect(notified).to.deep.equal([]);
    });

    const reasons: [string, unknown][] = [
      ['an Error', new Error('the user left')],
      ['a string', 'the user left'],
      ['null', null],
      ['an object', { why: 'the user left' }],
    ];
    for (const [name, reason] of reasons) {
      it(`ends with CanceledError before the headers: its cause is the very reason, ${name}`, async () => {
        const server = await serve(silence);
        const controller = new AbortController();
        void server.asked.then(() => {
          controller.abort(reason);
        });
        const error = await failureOf(fetchJson({ signal: controller.signal }, server.url), CanceledError);
        expect(error.cause).to.equal(reason);
        await server.closed;
      });
    }

    it('ends with CanceledError whose cause is the DOMException of a bare abort()', async () => {
      const signal = AbortSignal.abort();
      const error = await failureOf(fetchJson({ signal }, 'http://127.0.0.1:1/'), CanceledError);
      expect(error.cause).to.equal(signal.reason).and.to.be.instanceOf(DOMException);
    });

    const ways: [string, (signal: AbortSignal) => [Context, FetchInit]][] = [
      ['ctx.signal', (signal) => [{ signal }, {}]],
      ['init.signal', (signal) => [background, { signal }]],
      ['init.signal beside a ctx.signal', (signal) => [{ signal: new AbortController().signal }, { signal }]],
    ];
    for (const [name, use] of ways) {
      it(`ends with CanceledError on ${name} while the body streams, and closes the socket`, async () => {
        const server = await serve(drip());
        const controller = new AbortController();
        const [ctx, init] = use(controller.signal);
        const { fetch, headers } = announced();
        void headers.then(() => {
          controller.abort('the user left');
        });
        const error = await failureOf(fetchText({ ...ctx, fetch }, server.url, init), CanceledError);
        expect(error.cause).to.equal('the user left');
        await server.closed;
        expect(getEventListeners(controller.signal, 'abort')).to.have.length(0);
      });

      it(`sends no request where ${name} has aborted already`, async () => {
        const server = await serve(alice);
        const [ctx, init] = use(AbortSignal.abort('the user left'));
        const error = await failureOf(fetchJson(ctx, `${server.url}/canceled`, init), CanceledError);
        expect(error.cause).to.equal('the user left');
        await lastValueFrom(fetchJson(background, `${server.url}/later`));
        expect(server.requests).to.deep.equal(['GET /later']);
      });
    }

    it('has one listener on ctx.signal for 1,000 requests in flight, prints no warning, and leaves none', async () => {
      const warnings: Error[] = [];
      const onWarning = (warning: Error): void => {
        warnings.push(warning);
      };
      process.on('warning', onWarning);
      const server = await serve(alice);
      const { signal } = new AbortController();
      // All of them start, and then take turns on a few connections.
      const turns = { free: 20, waiting: [] as (() => void)[] };
      const turn = async (): Promise<void> => {
        if (turns.free > 0) turns.free--;
        else await new Promise<void>((resolve) => turns.waiting.push(resolve));
      };
      const queued: Fetch = async (input, init) => {
        await turn();
        const response = await fetch(input, init);
        const next = turns.waiting.shift();
        if (next) next();
        else turns.free++;
        return response;
      };
      const ctx = { signal, fetch: queued };
      const answers = lastValueFrom(forkJoin(Array.from({ length: 1_000 }, () => fetchJson(ctx, server.url))));
      expect(getEventListeners(signal, 'abort')).to.have.length(1);
      expect(await answers).to.have.length(1_000);
      expect(server.requests).to.have.length(1_000);
      expect(getEventListeners(signal, 'abort')).to.have.length(0);

      await failureOf(fetchJson(ctx, `${server.url}:0`), TypeError);
      fetchJson(ctx, server.url).subscribe().unsubscribe();
      expect(getEventListeners(signal, 'abort')).to.have.length(0);
      await new Promise(setImmediate); // warnings are emitted in the next tick
      process.off('warning', onWarning);
      expect(warnings).to.deep.equal([]);
    });
  });

  describe('a status outside 200–299', () => {
    it('is an HttpError that says the status, the method and the URL without its query', async () => {
      const { url } = await serve((_request, response) => {
        response.writeHead(503, { 'retry-after': '2' }).end('try later');
      });
      const error = await failureOf(
        fetchJson(background, `${url}/users/42?token=secret#top`, { method: 'delete' }),
        HttpError,
      );
      expect(error.message).to.equal(`HTTP 503 from DELETE ${url}/users/42`);
      expect(error).to.include({ status: 503, method: 'DELETE', url: `${url}/users/42`, retryAfter: 2_000 });
      expect(error.body).to.equal('try later');
      expect(Object.keys(error)).not.to.include('body');
      expect(error.toJSON()).not.to.have.property('body');
    });

    for (const status of [300, 304, 400, 404, 500, 599]) {
      it(`is an HttpError: ${String(status)}`, async () => {
        const { url } = await serve((_request, response) => response.writeHead(status).end());
        const error = await failureOf(fetchText(background, url), HttpError);
        expect(error).to.include({ status, body: '' });
      });
    }

    it('reuses the connection for 100 failures with small bodies', async () => {
      const server = await serve((_request, response) => response.writeHead(503).end('x'.repeat(1_000)));
      for (let count = 0; count < 100; count++) {
        await failureOf(fetchJson(background, server.url), HttpError);
      }
      expect(server.requests).to.have.length(100);
      // Two: a body's end is told a moment before its connection is free again.
      expect(server.connections).to.be.at.most(2);
    });
  });

  describe("empty: 'undefined'", () => {
    for (const status of [200, 204]) {
      it(`is undefined, and '' as text, of an empty ${String(status)}`, async () => {
        const { url } = await serve((_request, response) => response.writeHead(status).end());
        const asked = [fetchJson(background, url, { empty: 'undefined' }), fetchText(background, url)];
        expect(await lastValueFrom(forkJoin(asked))).to.deep.equal([undefined, '']);
      });
    }

    it('is a DecodeError still of a body that is no JSON', async () => {
      const { url } = await serve(json('<h1>Hello</h1>'));
      await failureOf(fetchJson(background, url, { empty: 'undefined' }), DecodeError);
    });
  });

  describe('maxBytes', () => {
    it('takes a body of exactly as many bytes, and no more', async () => {
      const { url } = await serve((_request, response) => response.end('ää'));
      expect(await lastValueFrom(fetchText(background, url, { maxBytes: 4 }))).to.equal('ää');
      const error = await failureOf(fetchText(background, `${url}/x?token=secret`, { maxBytes: 3 }), BodyTooLargeError);
      expect(error.message).to.equal(`more than 3 bytes from GET ${url}/x`);
      expect(error).to.include({ maxBytes: 3, method: 'GET', url: `${url}/x` });
    });

    it('counts after decoding: the few bytes of a complete gzip are too many', async () => {
      const bomb = gzipSync(Buffer.alloc(2 ** 20));
      const { url } = await serve((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
      });
      expect(bomb.byteLength).to.be.lessThan(2_000);
      await failureOf(fetchText(background, url, { maxBytes: 2_000 }), BodyTooLargeError);
      expect(await lastValueFrom(fetchText(background, url, { maxBytes: 2 ** 20 }))).to.have.length(2 ** 20);
    });

    for (const maxBytes of [NaN, -1]) {
      it(`refuses ${String(maxBytes)} with a RangeError, and sends nothing`, async () => {
        const server = await serve(alice);
        const error = await failureOf(fetchJson(background, server.url, { maxBytes }), RangeError);
        expect(error.message).to.equal(`fetch: maxBytes: expected at least 0, got ${String(maxBytes)}`);
        await expectNothingSent(server);
      });
    }

    it('takes Infinity', async () => {
      const { url } = await serve(alice);
      expect(await lastValueFrom(fetchText(background, url, { maxBytes: Infinity }))).to.equal('{"name":"Alice"}');
    });
  });

  describe('a redirect', () => {
    const redirect = async (): Promise<{ from: Loopback; to: Loopback }> => {
      const to = await serve(alice);
      const from = await serve((_request, response) => {
        response.writeHead(302, { location: `${to.url}/there?token=secret` }).end();
      });
      return { from, to };
    };

    it('is refused where init.redirect is there, but undefined', async () => {
      const { from, to } = await redirect();
      await failureOf(fetchJson(background, from.url, { redirect: undefined } as unknown as FetchInit), NetworkError);
      expect(to.connections).to.equal(0);
    });

    it("is followed with init.redirect = 'follow'", async () => {
      const { from, to } = await redirect();
      expect(await lastValueFrom(fetchJson(background, from.url, { redirect: 'follow' }))).to.deep.equal({
        name: 'Alice',
      });
      expect(to.requests).to.deep.equal(['GET /there?token=secret']);
    });

    it("is an HttpError with init.redirect = 'manual'", async () => {
      const { from, to } = await redirect();
      const error = await failureOf(fetchJson(background, from.url, { redirect: 'manual' }), HttpError);
      expect(error.status).to.equal(302);
      expect(to.connections).to.equal(0);
    });
  });

  describe('headers', () => {
    /** Answers the headers of the request, as they came. */
    const mirror: RequestListener = (request, response) => {
      response.end(JSON.stringify(request.headers));
    };
    type Sent = IncomingMessage['headers'];

    it('asks for JSON where the caller does not ask for something else', async () => {
      const { url } = await serve(mirror);
      const sent = async (headers?: HeadersInit): Promise<Sent> =>
        lastValueFrom(fetchJson<Sent>(background, url, headers ? { headers } : {}));
      expect((await sent()).accept).to.equal('application/json');
      expect((await sent({ Accept: 'application/vnd.api+json' })).accept).to.equal('application/vnd.api+json');
      const text = await lastValueFrom(fetchText(background, url));
      expect((JSON.parse(text) as Sent).accept).to.equal('*/*');
    });

    it('takes the accept of ctx.propagate too', async () => {
      const { url } = await serve(mirror);
      const sent = await lastValueFrom(fetchJson<Sent>({ propagate: { accept: 'application/ld+json' } }, url));
      expect(sent.accept).to.equal('application/ld+json');
    });

    it('sends ctx.propagate and nothing else of ctx; init.headers win', async () => {
      const { url } = await serve(mirror);
      const { ...platforms } = await lastValueFrom(fetchJson<Sent>(background, url));
      const ctx = {
        signal: new AbortController().signal,
        deadline: 4e12,
        propagate: { 'X-Request-Id': '7', Authorization: 'Bearer theirs' },
        headers: { cookie: 'session=secret' },
        cookie: 'session=secret',
        tenant: 'acme',
      };
      const sent = await lastValueFrom(fetchJson<Sent>(ctx, url, { headers: { authorization: 'Bearer ours' } }));
      expect(sent).to.deep.equal({ ...platforms, 'x-request-id': '7', authorization: 'Bearer ours' });
    });

    const shapes: [string, HeadersInit][] = [
      ['a record', { 'x-a': '1', 'x-b': '\xe4\t!' }],
      ['pairs', [['x-a', '1'], ['X-B', '\xe4\t!']]], // prettier-ignore
      ['Headers', new Headers({ 'x-a': '1', 'x-b': '\xe4\t!' })],
    ];
    for (const [name, headers] of shapes) {
      it(`sends init.headers: ${name}`, async () => {
        const { url } = await serve(mirror);
        const sent = await lastValueFrom(fetchJson<Sent>(background, url, { headers }));
        expect(sent).to.include({ 'x-a': '1', 'x-b': '\xe4\t!' });
      });
    }

    it('sends both of two pairs of one name', async () => {
      const { url } = await serve(mirror);
      const headers: [string, string][] = [['x-a', '1'], ['x-a', '2']]; // prettier-ignore
      expect(await lastValueFrom(fetchJson<Sent>(background, url, { headers }))).to.include({ 'x-a': '1, 2' });
    });

    const unsendable: [string, string][] = [
      ['CR', 'secret\rx'],
      ['LF', 'secret\nx: y'],
      ['a line break at the end', 'secret\n'],
      ['NUL', 'secret\0'],
      ['DEL', 'secret\x7f'],
      ['beyond Latin-1', 'secret €'],
    ];
    for (const [what, value] of unsendable) {
      const places: [string, Context, FetchInit][] = [
        ['init.headers, a record', background, { headers: { 'x-key': value } }],
        ['init.headers, pairs', background, { headers: [['x-key', value]] }],
        ['ctx.propagate', { propagate: { 'x-key': value } }, {}],
      ];
      for (const [place, ctx, init] of places) {
        it(`refuses a value with ${what} in ${place}, without quoting it, and sends nothing`, async () => {
          const server = await serve(alice);
          const error = await failureOf(fetchJson(ctx, server.url, init), TypeError);
          expect(error.message).to.match(/^fetch: header x-key: expected one line of Latin-1 text/);
          expect(inspect(error)).not.to.include('secret');
          await expectNothingSent(server);
        });
      }
    }

    it('refuses a value that Headers takes and HTTP does not', async () => {
      const server = await serve(alice);
      const headers = new Headers({ 'x-key': 'secret\x01' });
      const error = await failureOf(fetchJson(background, server.url, { headers }), TypeError);
      expect(error.message).to.match(/^fetch: header x-key: expected one line of Latin-1 text/);
      expect(inspect(error)).not.to.include('secret');
      await expectNothingSent(server);
    });

    const names: [string, string][] = [
      ['', '"…"'],
      ['x key', '"x…"'],
      ['authorization: secret', '"authorization…"'],
      ['x-ä', '"x-…"'],
      ['x\r\ny', '"x…"'],
    ];
    for (const [name, shown] of names) {
      for (const [place, ctx, init] of [
        ['a record', background, { headers: { [name]: 'secret' } }],
        ['pairs', background, { headers: [[name, 'secret']] }],
        ['ctx.propagate', { propagate: { [name]: 'secret' } }, {}],
      ] as [string, Context, FetchInit][]) {
        it(`refuses the name ${JSON.stringify(name)} in ${place}, and sends nothing`, async () => {
          const server = await serve(alice);
          const error = await failureOf(fetchJson(ctx, server.url, init), TypeError);
          expect(error.message).to.equal(
            `fetch: header name: expected an HTTP token, got ${shown}: use letters, digits and hyphens`,
          );
          await expectNothingSent(server);
        });
      }
    }
  });

  describe('what cannot be sent', () => {
    it('is a URL with userinfo: refused without quoting it, and nothing is sent', async () => {
      const server = await serve(alice);
      const { host } = new URL(server.url);
      for (const input of [
        `http://alice:secret@${host}/users?token=secret`,
        `http://secret@${host}/users`,
        new URL(`http://:secret@${host}/users`),
      ]) {
        const error = await failureOf(fetchJson(background, input), TypeError);
        expect(error.message).to.equal(
          `fetch: expected a URL without credentials, got some before the host of ${server.url}/users: send them in a header`,
        );
      }
      await expectNothingSent(server);
    });

    const relative: [string, string][] = [
      ['/users/42?token=secret', '"/users/42"'],
      ['users', '"users"'],
      ['', '""'],
      ['//alice:secret@api.test/users', '"//api.test/users"'],
    ];
    for (const [input, shown] of relative) {
      it(`is a relative URL, where there is no page: ${JSON.stringify(input)}`, async () => {
        const error = await failureOf(fetchJson(background, input), TypeError);
        expect(error.message).to.equal(
          `fetch: expected an absolute URL, since there is no page, got ${shown}: add the scheme and the host`,
        );
      });
    }

    const unparsable: [string, string][] = [
      ['http://', '"http://"'],
      ['http://alice:secret@api test/', '"http://api test/"'],
      ['http://alice:sec/ret@api.test/', '"http://api.test/"'],
      ['http://api.test:http/?token=secret', '"http://api.test:http/"'],
    ];
    for (const [input, shown] of unparsable) {
      it(`is a URL that cannot be parsed: ${input}`, async () => {
        const error = await failureOf(fetchJson(background, input), TypeError);
        expect(error.message).to.equal(`fetch: expected a valid URL, got ${shown}: check its host and port`);
      });
    }

    it('is a GET or a HEAD with a body', async () => {
      const server = await serve(alice);
      for (const method of ['GET', 'get', 'HEAD']) {
        const error = await failureOf(fetchJson(background, server.url, { method, body: 'secret' }), TypeError);
        expect(error.message).to.equal(
          `fetch: body: expected none with ${method.toUpperCase()}, got one: use another method`,
        );
      }
      const { message } = await failureOf(fetchJson(background, server.url, { body: '' }), TypeError);
      expect(message).to.equal('fetch: body: expected none with GET, got one: use another method');
      await expectNothingSent(server);
    });

    it('is a scheme that fetch does not know: a NetworkError that shows nothing but the scheme', async () => {
      const error = await failureOf(fetchJson(background, 'alice:secret@api.test/users'), NetworkError);
      expect(error.message).to.equal('no answer from GET alice:');
    });
  });

  it('leaks no secret through an error, printed, inspected or as JSON', async () => {
    const secret = 'S3CRET';
    const broken = await serveRaw((socket) => {
      socket.end(`HTTP/1.1 200 OK\r\nset-cookie: ${secret}\r\ncontent-length: 99\r\n\r\n{"${secret}`);
    });
    const { url } = await serve((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://api.test');
      response.setHeader('set-cookie', secret).setHeader('location', `/elsewhere?${secret}`);
      response.writeHead(Number(pathname.slice(1)) || 200).end(pathname === '/utf8' ? Buffer.from([0xff]) : secret);
    });
    const ctx = { propagate: { authorization: `Bearer ${secret}` }, signal: new AbortController().signal };
    const query = `?token=${secret}#${secret}`;
    const init = { method: 'POST', body: secret, headers: { cookie: secret } };
    const ask = (input: string, more: FetchInit = {}): Observable<unknown> =>
      fetchJson(ctx, input, { ...init, ...more });

    const failures: [Observable<unknown>, abstract new (...args: never[]) => Error][] = [
      [ask(`${url}/500${query}`), HttpError],
      [ask(`${url}/302${query}`), NetworkError],
      [ask(`${url}/200${query}`), DecodeError],
      [ask(`${url}/utf8${query}`), DecodeError],
      [ask(`${url}/200${query}`, { maxBytes: 1 }), BodyTooLargeError],
      [ask(`${broken.url}/${query}`), NetworkError],
      [ask(`${await refusingUrl()}/${query}`), NetworkError],
      [ask(`${url}/200${query}`, { signal: AbortSignal.abort() }), CanceledError],
      [ask(`${url}/200${query}`, { headers: { 'x-key': `${secret}\n` } }), TypeError],
      [ask(`${url}/200${query}`, { headers: { [`x ${secret}`]: '' } }), TypeError],
      [ask(`${url}/200${query}`, { method: 'GET' }), TypeError],
      [ask(url.replace('//', `//${secret}:${secret}@`)), TypeError],
      [ask(`/users${query}`), TypeError],
      [ask(`http://${secret}@a b/${query}`), TypeError],
      // undici knows HTTP alone.
      [ask(`data:,${secret}`, { method: 'GET', body: null }), name === 'undici' ? NetworkError : DecodeError],
      [ask(`unknown:${secret}`), NetworkError],
    ];
    for (const [source, type] of failures) {
      const error = await failureOf(source, type);
      const printed = [String(error), error.stack, JSON.stringify(error), inspect(error, { depth: Infinity })];
      expect(printed.join('\n')).not.to.include(secret);
    }
  });

  async function expectNothingSent(server: Loopback): Promise<void> {
    await lastValueFrom(fetchText(background, `${server.url}/probe`));
    expect(server.requests).to.deep.equal(['GET /probe']);
  }
});
