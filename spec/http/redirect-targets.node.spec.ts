import { expect } from 'chai';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import { undiciFetch } from '../../lib/http/undici/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, type Loopback, serve } from '../support/servers.ts';
import { outcomeOf } from '../support/transports.ts';

describe('undiciFetch follows redirects as the global fetch', function () {
  this.timeout(60_000);
  expectNoUnhandledRejections();
  afterEach(closeServers);

  const undici = undiciFetch();
  after(() => undici.close());

  /** The headers that every hop keeps or removes. The other headers belong to the transport. */
  const traced = ['authorization', 'cookie', 'content-type', 'content-language', 'content-length', 'x-a'];

  const tracedOf = (headers: IncomingHttpHeaders): (string | string[] | undefined)[] =>
    traced.map((name) => headers[name]);

  /** A server that redirects once from `/start`, and answers every other request with what it received. */
  const redirecting = async (status: number, location?: (other: Loopback) => string): Promise<Loopback> => {
    const mirror: RequestListener = (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const { method, url, headers } = request;
        response.end(JSON.stringify({ method, url, host: headers.host, headers: tracedOf(headers), body }));
      });
    };
    const other = await serve(mirror);
    const to = location?.(other);
    return serve((request, response) => {
      if (request.url !== '/dir/start?q') mirror(request, response);
      else
        request.resume().on('end', () => response.writeHead(status, to === undefined ? {} : { location: to }).end('x'));
    });
  };

  const expectSame = async (server: Loopback, init: () => RequestInit): Promise<unknown> => {
    const url = new URL(`${server.url}/dir/start?q#fragment`);
    const expected = await outcomeOf(globalThis.fetch(url, init()));
    expect(await outcomeOf(undici(url, init())), JSON.stringify(init())).to.deep.equal(expected);
    return expected;
  };

  const headers = {
    authorization: 'Bearer secret',
    cookie: 'a=1',
    'content-language': 'de',
    'x-a': '1',
  };
  const bodies: [title: string, init: () => RequestInit][] = [
    ['no body', () => ({})],
    ['text', () => ({ body: 'text' })],
    ['a blob', () => ({ body: new Blob(['blob'], { type: 'a/b' }) })],
    ['parameters', () => ({ body: new URLSearchParams({ a: '1' }) })],
    ['a String', () => ({ body: Object('text') as string })],
    ['a stream', () => ({ body: new Blob(['stream']).stream(), duplex: 'half' }) as RequestInit],
  ];

  for (const status of [300, 301, 302, 303, 304, 305, 306, 307, 308]) {
    it(`with ${String(status)}: each method and body, to the same origin and to another`, async () => {
      for (const location of [() => '/to', ({ url }: Loopback) => `${url}/to`, undefined]) {
        const server = await redirecting(status, location);
        for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY']) {
          for (const [, body] of method === 'GET' || method === 'HEAD' ? bodies.slice(0, 1) : bodies) {
            for (const redirect of ['follow', 'manual', 'error'] as const) {
              await expectSame(server, () => ({ method, redirect, headers, ...body() }));
            }
          }
        }
      }
    });
  }

  const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
  const locations: [title: string, location: (other: Loopback) => string, fails?: true][] = [
    ['a relative path', () => 'to'],
    ['a relative path with dots', () => '../to/./x/../y'],
    ['a query', () => '?page=2'],
    ['a fragment', () => '/to#there'],
    ['only a fragment, a loop', () => '#there', true],
    ['an empty text, a loop', () => '', true],
    ['another scheme-relative host', ({ url }) => url.replace('http:', '')],
    ['a space inside', () => '/a b'],
    ['percents', () => '/100%/%ff/%C3%BC'],
    ['UTF-8 bytes', () => utf8('/ü/€?q=ü')],
    ['Latin-1 bytes', () => '/\xfc'],
    ['a backslash', () => '\\to'],
    ['a tab', () => '/t\to'],
    ['the same scheme without slashes', () => 'http:to'],
    ['an upper-case scheme', ({ url }) => url.replace('http', 'HTTP')],
    ['credentials', ({ url }) => url.replace('//', '//a:b@'), true],
    ['a blocked port', () => 'http://127.0.0.1:6000/', true],
    ['no valid URL', () => 'http://[', true],
    ['a file', () => 'file:///etc/hosts', true],
    ['data', () => 'data:,secret', true],
    ['a script', () => 'javascript:alert(1)', true],
    ['another scheme', () => 'ftp://127.0.0.1/', true],
    ['two locations in one', () => '/a, /b'],
  ];
  for (const [title, location, fails = false] of locations) {
    it(`${fails ? 'and fails ' : ''}to ${title}`, async () => {
      const outcome = await expectSame(await redirecting(302, location), () => ({ headers }));
      expect(outcome === 'TypeError').to.equal(fails);
    });
  }

  it('to the first of two headers, or where fetch goes', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/dir/start?q') response.writeHead(302, ['location', '/a', 'location', '/b']).end();
      else response.end(request.url);
    });
    await expectSame(server, () => ({}));
  });

  it('with the same bytes, which Node resends since version 24', async () => {
    const server = await redirecting(307, () => '/to');
    const body = new TextEncoder().encode('bytes');
    const answer = outcomeOf(undici(new URL(`${server.url}/dir/start?q`), { method: 'POST', body }));
    body.fill(0);
    expect((await answer)[1]).to.include('"body":"bytes"');
  });

  it('20 times, and fails at the next', async () => {
    for (const [count, fails] of [
      [20, false],
      [21, true],
    ] as const) {
      let left = 0;
      const server = await serve((request, response) => {
        if (request.url?.startsWith('/dir')) left = count;
        if (left-- > 0) response.writeHead(307, { location: '/to' }).end();
        else response.end('ok');
      });
      expect((await expectSame(server, () => ({}))) === 'TypeError').to.equal(fails);
    }
  });

  it('without reading a body that does not end', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/to') response.end('ok');
      else response.writeHead(302, { location: '/to' }).write('drip');
    });
    expect(await outcomeOf(undici(new URL(server.url), {}))).to.deep.equal([200, 'ok']);
    await server.closed;
  });

  it('in one connection, if the redirect has a short body', async () => {
    const server = await redirecting(302, () => '/to');
    for (let count = 0; count < 10; count++) await outcomeOf(undici(new URL(`${server.url}/dir/start?q`), {}));
    expect(server.connections).to.be.at.most(2);
  });

  it('no more after an abort', async () => {
    const controller = new AbortController();
    const server = await serve((_request, response) => {
      response.writeHead(302, { location: '/to' }).end();
      if (server.requests.length === 3) controller.abort('enough');
    });
    const { signal } = controller;
    expect(await undici(new URL(server.url), { signal }).then(String, String)).to.equal('enough');
    expect(server.requests.length).to.be.at.most(4);
  });
});
