import { expect } from 'chai';
import { catchError, defer, delay, EMPTY, firstValueFrom, NEVER, Observable, of, throwError } from 'rxjs';
import { aggregate, fetchJson, fetchText, NetworkError, ServiceError } from '../../lib/index.ts';
import { type FakeFetch, fakeFetch, marbles } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

const api = 'http://api.test';
const rejection = async (promise: PromiseLike<unknown>): Promise<unknown> =>
  promise.then(
    () => 'fulfilled',
    (error: unknown) => error,
  );

describe('fakeFetch', () => {
  expectNoUnhandledRejections();

  describe('answers', () => {
    const boom = new TypeError('boom');
    for (const [what, answer, status, text] of [
      ['a record, as JSON', { name: 'Alice' }, 200, '{"name":"Alice"}'],
      ['a string, as JSON', 'Alice', 200, '"Alice"'],
      ['null, as JSON', null, 200, 'null'],
      ['a Response, as it is', new Response('gone', { status: 410 }), 410, 'gone'],
      ['a Response without a body', new Response(null, { status: 204 }), 204, ''],
      ['the first value of an Observable', of({ n: 1 }, { n: 2 }).pipe(delay(1)), 200, '{"n":1}'],
      ['the value of a promise', Promise.resolve(new Response('later')), 200, 'later'],
      ['the result of a function of the call', ({ method }: { method: string }) => method, 200, '"GET"'],
    ] as const) {
      it(`with ${what}, each time`, async () => {
        const fetch = fakeFetch({ '/': answer });
        for (let call = 0; call < 2; call++) {
          const response = await fetch(api);
          expect([response.status, await response.text()]).to.deep.equal([status, text]);
        }
        expect(fetch.calls.map(({ outcome }) => outcome)).to.deep.equal(['answered', 'answered']);
      });
    }

    it('with the headers and the status text of a Response', async () => {
      const response = new Response('a', { status: 429, statusText: 'Slow down', headers: { 'retry-after': '1' } });
      const { status, statusText, headers } = await fakeFetch({ '/': response })(api);
      expect([status, statusText, headers.get('retry-after')]).to.deep.equal([429, 'Slow down', '1']);
    });

    for (const [what, answer] of [
      ['an error', boom],
      ['an Observable that errors', throwError(() => boom)],
      [
        'a function that throws',
        (): never => {
          throw boom;
        },
      ],
    ] as const) {
      it(`by rejecting, with ${what}`, async () => {
        const fetch = fakeFetch({ '/': answer });
        expect(await rejection(fetch(api))).to.equal(boom);
        expect(fetch.calls[0]).to.have.property('outcome', 'failed');
      });
    }

    it('by rejecting, with an empty Observable and with undefined', async () => {
      expect(await rejection(fakeFetch({ '/': EMPTY })(api))).to.have.property('name', 'EmptyError');
      expect(await rejection(fakeFetch({ '/': () => undefined })(api)))
        .to.have.property('message')
        .that.equals('fakeFetch: expected a response, got undefined: return JSON, a Response or an Error');
    });
  });

  describe('routes', () => {
    const routed = async (route: string, url: string, method?: string): Promise<boolean> =>
      (await rejection(fakeFetch({ [route]: {} })(url, method === undefined ? {} : { method }))) === 'fulfilled';

    it('match a method, or all', async () => {
      expect(await routed('GET /a', `${api}/a`)).to.equal(true);
      expect(await routed('POST /a', `${api}/a`, 'post')).to.equal(true);
      expect(await routed('/a', `${api}/a`, 'DELETE')).to.equal(true);
      expect(await routed('GET /a', `${api}/a`, 'POST')).to.equal(false);
    });

    it('match an origin, or all', async () => {
      expect(await routed('GET http://api.test:8080/a', 'http://api.test:8080/a')).to.equal(true);
      expect(await routed('https://api.test/a', `${api}/a`)).to.equal(false);
    });

    it('match a path literally, and a query if they have one', async () => {
      expect(await routed('/a.json', `${api}/a.json?b=1`)).to.equal(true);
      expect(await routed('/a.json', `${api}/a-json`)).to.equal(false);
      expect(await routed('/a', `${api}/a/b`)).to.equal(false);
      expect(await routed('/a?b=1', `${api}/a?b=1`)).to.equal(true);
      expect(await routed('/a?b=1', `${api}/a`)).to.equal(false);
      expect(await routed('/a/*', `${api}/a/b/c`)).to.equal(true);
      expect(await routed('/a/*/c', `${api}/a/b/d`)).to.equal(false);
    });

    it('decode named segments, and answer in their order', async () => {
      const fetch = fakeFetch({
        '/users/:id/orders/:order': ({ params }) => params,
        '/users/:id/*': 'second',
      });
      const request = async (path: string): Promise<unknown> => (await fetch(api + path)).json();
      expect(await request('/users/J%C3%BCrgen/orders/5')).to.deep.equal({ id: 'Jürgen', order: '5' });
      expect(await request('/users/1/profile')).to.equal('second');
    });

    it('name whole segments only', async () => {
      const fetch = fakeFetch({ '/items:batch': 'batch', '/:1/:in-fact?q=:q': ({ params }) => params });
      const request = async (path: string): Promise<unknown> => (await fetch(api + path)).json();
      expect(await request('/items:batch')).to.equal('batch');
      expect(await rejection(fetch(`${api}/items1`))).to.have.property('code', 'ERR_FAKE_FETCH');
      expect(await request('/a/b-fact?q=c')).to.deep.equal({ 1: 'a', in: 'b', q: 'c' });
    });

    it('of another form throw when they are written', () => {
      for (const route of ['', 'profiles', 'get /a', 'GET  /a', 'GET /a b', 'ftp://api.test/a']) {
        expect(() => fakeFetch({ [route]: {} })).to.throw(
          TypeError,
          `fakeFetch: route: expected a method, an origin and a path, got ${JSON.stringify(route)}: write 'GET /`,
        );
      }
    });

    it('are listed if none matches', async () => {
      const fetch = fakeFetch({ 'GET /profiles/:id': {}, 'http://orders.test/orders/*': {} });
      const dashboard = aggregate({ profile: (ctx) => fetchJson(ctx, `${api}/profile/42`) });
      expect(await failureOf(dashboard({ fetch }), ServiceError)).to.have.property(
        'message',
        [
          'profile: fakeFetch: expected a route for GET http://api.test/profile/42, got none: add one to these routes:',
          '  GET /profiles/:id',
          '  http://orders.test/orders/*',
        ].join('\n'),
      );
      expect(fetch.calls[0]).to.have.property('outcome', 'failed');
      expect(await rejection(fakeFetch({})(api))).to.have.property(
        'message',
        'fakeFetch: expected a route for GET http://api.test/, got none: add one',
      );
    });
  });

  describe('reads a request as the platform does', () => {
    const stream = (): ReadableStream => new Blob(['x']).stream();
    const locked = stream();
    locked.getReader();
    for (const [what, url, init] of [
      ['an invalid URL', 'http://[', {}],
      ['credentials in the URL', 'http://a:b@api.test/', {}],
      ['a body with GET', api, { body: 'x' }],
      ['a forbidden method', api, { method: 'TRACE' }],
      ['an invalid header', api, { headers: { 'x a': '1' } }],
      ['a stream without duplex', api, { method: 'POST', body: stream() }],
      ['a locked stream', api, { method: 'POST', body: locked, duplex: 'half' }],
      ['an unknown redirect mode', api, { redirect: 'sometimes' }],
    ] as [string, string, RequestInit][]) {
      it(`and rejects ${what} with a TypeError, without a call`, async () => {
        const fetch = fakeFetch({ '/*': {} });
        expect(await rejection(fetch(url, init))).to.be.instanceOf(TypeError);
        expect(fetch.calls).to.deep.equal([]);
      });
    }

    it('and sends a method in upper case only where fetch does', async () => {
      const fetch = fakeFetch({ '/*': ({ method }) => method });
      const sent = ['get', 'Post', 'put', 'delete', 'options', 'Patch', 'Query'].map(async (method): Promise<unknown> =>
        (await fetch(api, { method })).json(),
      );
      expect(await Promise.all(sent)).to.deep.equal(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'Patch', 'Query']);
      expect(await rejection(fakeFetch({ 'PATCH /': {} })(api, { method: 'Patch' }))).to.have.property('code');
    });

    it('and adds the content type of a body', async () => {
      const fetch = fakeFetch({ '/': {} });
      for (const body of ['x', new URLSearchParams(), new Blob(['x'], { type: 'a/b' }), new Uint8Array(1)]) {
        await fetch(api, { method: 'POST', body });
      }
      expect(fetch.calls.map(({ headers }) => headers.get('content-type'))).to.deep.equal([
        'text/plain;charset=UTF-8',
        'application/x-www-form-urlencoded;charset=UTF-8',
        'a/b',
        null,
      ]);
    });

    for (const [route, path, params] of [
      ['/:id', '/%FF', { id: '%FF' }],
      ['/:id', '/100%', { id: '100%' }],
      ['/:id', '/%C3%BC', { id: 'ü' }],
      ['/:id', '/ü', { id: 'ü' }],
      ['/:id', '/a%2Fb', { id: 'a/b' }],
      ['/ü/€', '/%C3%BC/%E2%82%AC', {}],
      ['/%C3%BC', '/ü', {}],
      ['/a?q=ü', '/a?q=%C3%BC', {}],
      ['/a', '/x/../a', {}],
      ['/a', '/./a#fragment', {}],
      ['/{a}', '/{a}', {}],
      ['http://API.test:80/a', '/a', {}],
    ] as const) {
      it(`and matches ${path} with the route ${route}`, async () => {
        const fetch = fakeFetch({ [route]: ({ params: found }) => found });
        expect(await (await fetch(api + path)).json()).to.deep.equal(params);
      });
    }
  });

  it('accepts a Request, which libraries may pass', async () => {
    const fetch: typeof globalThis.fetch & FakeFetch = fakeFetch({ 'POST /orders': 1, '/*': NEVER });
    const headers = { 'X-Id': '1' };
    await fetch(new Request(`${api}/orders`, { method: 'POST', body: '{}', headers }));
    const [order] = fetch.calls;
    expect(await new Response(order?.body).text()).to.equal('{}');
    expect([order?.request, order?.headers.get('x-id')]).to.deep.equal(['POST http://api.test/orders', '1']);
    const controller = new AbortController();
    const canceled = rejection(fetch(new Request(api, controller)));
    controller.abort('the user left');
    expect(await canceled).to.equal('the user left');
  });

  it('rejects a redirect if the request says so, as that of fetchJson does', async () => {
    const fetch = fakeFetch({ '/old': Response.redirect('http://api.test/new', 302) });
    const error = await failureOf(fetchJson({ fetch }, 'http://api.test/old'), NetworkError);
    expect(error.message).to.equal(
      "a refused redirect from GET http://api.test/old: request its target, or set redirect: 'follow'",
    );
    expect(fetch.calls[0]).to.have.property('outcome', 'failed');
    expect(await fetch('http://api.test/old')).to.have.property('status', 302);
    const rejecting = fetch(new Request('http://api.test/old', { redirect: 'error' }));
    expect(await rejecting.then(String, String)).to.equal('TypeError: fetch failed');
  });

  it('keeps its calls', async () => {
    const fetch = fakeFetch({ 'POST /orders': 1, '/*': 2 });
    await fetch(new URL(`${api}/orders?a=b`), { method: 'post', body: '{}', headers: { 'X-Id': '1' } });
    await firstValueFrom(fetchJson({ fetch }, `${api}/profile`));
    const [order, profile] = fetch.calls;
    expect(order).to.deep.include({ method: 'POST', body: '{}', params: {}, outcome: 'answered' });
    expect(order?.headers.get('x-id')).to.equal('1');
    expect([order?.request, order?.url.pathname]).to.deep.equal(['POST http://api.test/orders?a=b', '/orders']);
    expect([profile?.request, profile?.headers.get('accept')]).to.deep.equal([
      'GET http://api.test/profile',
      'application/json',
    ]);
  });

  it('answers and fails services as a network does', async () => {
    const down = new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) });
    const fetch = fakeFetch({ '/text': new Response('Name: Alice'), '/down': down });
    expect(await firstValueFrom(fetchText({ fetch }, `${api}/text`))).to.equal('Name: Alice');
    expect(await failureOf(fetchText({ fetch }, `${api}/down`), NetworkError)).to.have.property(
      'message',
      'no answer (ECONNREFUSED) from GET http://api.test/down',
    );
  });

  describe('is canceled', () => {
    const reason = new Error('the user left');

    it('before the call: the route is not called', async () => {
      let called = 0;
      const fetch = fakeFetch({ '/': defer(() => of(++called)) });
      expect(await rejection(fetch(api, { signal: AbortSignal.abort(reason) }))).to.equal(reason);
      expect([called, fetch.calls[0]?.outcome]).to.deep.equal([0, 'aborted']);
    });

    it('while it waits: the Observable is unsubscribed', async () => {
      let unsubscribed = 0;
      const fetch = fakeFetch({ '/': new Observable<never>(() => () => unsubscribed++) });
      const controller = new AbortController();
      const canceled = rejection(fetch(api, { signal: controller.signal }));
      expect(fetch.calls[0]).to.have.property('outcome', 'pending');
      controller.abort(reason);
      expect(await canceled).to.equal(reason);
      expect([unsubscribed, fetch.calls[0]?.outcome]).to.deep.equal([1, 'aborted']);
    });

    it('by one listener on a signal that many requests share', async () => {
      const fetch = fakeFetch({ '/': NEVER });
      const controller = new AbortController();
      const { signal } = controller;
      const add = signal.addEventListener.bind(signal);
      let listeners = 0;
      signal.addEventListener = (type: string, listener: unknown) => {
        listeners++;
        add(type, listener as EventListener);
      };
      const canceled = Promise.all(Array.from({ length: 12 }, () => rejection(fetch(api, { signal }))));
      expect(listeners).to.equal(1);
      controller.abort(reason);
      expect(new Set(await canceled)).to.deep.equal(new Set([reason]));
    });

    it('when the subscriber unsubscribes from a service', () => {
      const fetch = fakeFetch({ '/': NEVER });
      fetchJson({ fetch }, api).subscribe().unsubscribe();
      expect(fetch.calls[0]).to.have.property('outcome', 'aborted');
    });

    it('while the body is read: the body errors with the reason', async () => {
      let canceled: unknown;
      const body = new ReadableStream<Uint8Array>({
        start: (stream) => {
          stream.enqueue(new TextEncoder().encode('{'));
        },
        cancel: (cause) => {
          canceled = cause;
        },
      });
      const fetch = fakeFetch({ '/': () => new Response(body) });
      const controller = new AbortController();
      const response = await fetch(api, { signal: controller.signal });
      expect(fetch.calls[0]).to.have.property('outcome', 'answered');
      const reader = response.body!.getReader();
      expect((await reader.read()).done).to.equal(false);
      const rest = rejection(reader.read());
      controller.abort(reason);
      expect(await rest).to.equal(reason);
      expect([canceled, fetch.calls[0]?.outcome]).to.deep.equal([reason, 'aborted']);
    });

    it('no more after the body was read or canceled', async () => {
      const fetch = fakeFetch({ '/': { name: 'Alice' } });
      for (const finish of [(response: Response) => response.text(), (response: Response) => response.body!.cancel()]) {
        const controller = new AbortController();
        await finish(await fetch(api, { signal: controller.signal }));
        controller.abort(reason);
      }
      expect(fetch.calls.map(({ outcome }) => outcome)).to.deep.equal(['answered', 'answered']);
    });
  });

  it('throws in virtual time, in which it would never answer', () => {
    marbles(({ expectObservable }) => {
      const fetch = fakeFetch({ '/': {} });
      const dashboard = aggregate({ profile: (ctx) => fetchJson(ctx, api) });
      const message = 'profile: fakeFetch: expected real time, got virtual time: use cold(…) inside marbles';
      const messages = dashboard({ fetch }).pipe(catchError((error: Error) => of(error.message)));
      expectObservable<unknown>(messages).toBe('(m|)', { m: message });
    });
  });
});
