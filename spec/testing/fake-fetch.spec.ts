import { expect } from 'chai';
import { catchError, defer, delay, EMPTY, firstValueFrom, NEVER, Observable, of, throwError } from 'rxjs';
import { aggregate, fetchJson, fetchText, NetworkError, ServiceError, silent, withLogger } from '../../lib/index.ts';
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
      ['a response, as it is', new Response('gone', { status: 410 }), 410, 'gone'],
      ['a response without a body', new Response(null, { status: 204 }), 204, ''],
      ['what an Observable emits first', of({ n: 1 }, { n: 2 }).pipe(delay(1)), 200, '{"n":1}'],
      ['what a promise resolves to', Promise.resolve(new Response('later')), 200, 'later'],
      ['what a function of the call returns', ({ method }: { method: string }) => method, 200, '"GET"'],
    ] as const) {
      it(`with ${what}, each time`, async () => {
        const fetch = fakeFetch({ '/': answer });
        for (let asked = 0; asked < 2; asked++) {
          const response = await fetch(api);
          expect([response.status, await response.text()]).to.deep.equal([status, text]);
        }
        expect(fetch.calls.map(({ outcome }) => outcome)).to.deep.equal(['answered', 'answered']);
      });
    }

    it('with headers and a status text of its own', async () => {
      const response = new Response('a', { status: 429, statusText: 'Slow down', headers: { 'retry-after': '1' } });
      const { status, statusText, headers } = await fakeFetch({ '/': response })(api);
      expect([status, statusText, headers.get('retry-after')]).to.deep.equal([429, 'Slow down', '1']);
    });

    for (const [what, answer] of [
      ['an error', boom],
      ['an Observable that fails', throwError(() => boom)],
      [
        'a function that throws',
        (): never => {
          throw boom;
        },
      ],
    ] as const) {
      it(`by failing, with ${what}`, async () => {
        const fetch = fakeFetch({ '/': answer });
        expect(await rejection(fetch(api))).to.equal(boom);
        expect(fetch.calls[0]).to.have.property('outcome', 'failed');
      });
    }

    it('by failing, with an Observable that is empty and a function that returns nothing', async () => {
      expect(await rejection(fakeFetch({ '/': EMPTY })(api))).to.have.property('name', 'EmptyError');
      expect(await rejection(fakeFetch({ '/': () => undefined })(api)))
        .to.have.property('message')
        .that.equals('fakeFetch was given undefined to answer with');
    });
  });

  describe('routes', () => {
    const routed = async (route: string, url: string, method?: string): Promise<boolean> =>
      (await rejection(fakeFetch({ [route]: {} })(url, method === undefined ? {} : { method }))) === 'fulfilled';

    it('say a method, or none for all', async () => {
      expect(await routed('GET /a', `${api}/a`)).to.equal(true);
      expect(await routed('POST /a', `${api}/a`, 'post')).to.equal(true);
      expect(await routed('/a', `${api}/a`, 'DELETE')).to.equal(true);
      expect(await routed('GET /a', `${api}/a`, 'POST')).to.equal(false);
    });

    it('say an origin, or none for all', async () => {
      expect(await routed('GET http://api.test:8080/a', 'http://api.test:8080/a')).to.equal(true);
      expect(await routed('https://api.test/a', `${api}/a`)).to.equal(false);
    });

    it('say a path, whose dots are dots, and a query where it counts', async () => {
      expect(await routed('/a.json', `${api}/a.json?b=1`)).to.equal(true);
      expect(await routed('/a.json', `${api}/a-json`)).to.equal(false);
      expect(await routed('/a', `${api}/a/b`)).to.equal(false);
      expect(await routed('/a?b=1', `${api}/a?b=1`)).to.equal(true);
      expect(await routed('/a?b=1', `${api}/a`)).to.equal(false);
      expect(await routed('/a/*', `${api}/a/b/c`)).to.equal(true);
      expect(await routed('/a/*/c', `${api}/a/b/d`)).to.equal(false);
    });

    it('name segments, which the call has decoded; the first route that fits answers', async () => {
      const fetch = fakeFetch({
        '/users/:id/orders/:order': ({ params }) => params,
        '/users/:id/*': 'second',
      });
      const ask = async (path: string): Promise<unknown> => (await fetch(api + path)).json();
      expect(await ask('/users/J%C3%BCrgen/orders/5')).to.deep.equal({ id: 'Jürgen', order: '5' });
      expect(await ask('/users/1/profile')).to.equal('second');
    });

    it('name whole segments only, however they are called', async () => {
      const fetch = fakeFetch({ '/items:batch': 'batch', '/:1/:in-fact?q=:q': ({ params }) => params });
      const ask = async (path: string): Promise<unknown> => (await fetch(api + path)).json();
      expect(await ask('/items:batch')).to.equal('batch');
      expect(await rejection(fetch(`${api}/items1`))).to.have.property('code', 'ERR_FAKE_FETCH');
      expect(await ask('/a/b-fact?q=c')).to.deep.equal({ 1: 'a', in: 'b', q: 'c' });
    });

    it('that are none are refused where they are written', () => {
      for (const route of ['', 'profiles', 'get /a', 'GET  /a', 'GET /a b', 'ftp://api.test/a']) {
        expect(() => fakeFetch({ [route]: {} })).to.throw(TypeError, `fakeFetch: ${JSON.stringify(route)} is no route`);
      }
    });

    it('are listed where none fits', async () => {
      const fetch = fakeFetch({ 'GET /profiles/:id': {}, 'http://orders.test/orders/*': {} });
      const ask = aggregate({ profile: (ctx) => fetchJson(ctx, `${api}/profile/42`) }, withLogger(silent));
      expect(await failureOf(ask({ fetch }), ServiceError)).to.have.property(
        'message',
        [
          'profile: fakeFetch has no route for GET http://api.test/profile/42; there are:',
          '  GET /profiles/:id',
          '  http://orders.test/orders/*',
        ].join('\n'),
      );
      expect(fetch.calls[0]).to.have.property('outcome', 'failed');
      expect(await rejection(fakeFetch({})(api))).to.have.property(
        'message',
        'fakeFetch has no route for GET http://api.test/: it has none',
      );
    });
  });

  it('rejects what is no URL, as a fetch does', async () => {
    for (const url of ['/profiles/42', `${api}/%FF`]) {
      expect(await rejection(fakeFetch({ '/:id': {} })(url)), url).to.be.instanceOf(Error);
    }
  });

  it('is a fetch to libraries, which may make a Request', async () => {
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

  it('refuses a redirect where it is asked to, as fetchJson asks', async () => {
    const fetch = fakeFetch({ '/old': Response.redirect('http://api.test/new', 302) });
    const error = await failureOf(fetchJson({ fetch }, 'http://api.test/old'), NetworkError);
    expect(error.message).to.equal('a refused redirect from GET http://api.test/old');
    expect(fetch.calls[0]).to.have.property('outcome', 'failed');
    expect(await fetch('http://api.test/old')).to.have.property('status', 302);
    const refusing = fetch(new Request('http://api.test/old', { redirect: 'error' }));
    expect(await refusing.then(String, String)).to.equal('TypeError: fetch failed');
  });

  it('keeps what it was asked', async () => {
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

  it('is a network to services, as their own fetch is', async () => {
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

    it('before it asks: the route is not called', async () => {
      let called = 0;
      const fetch = fakeFetch({ '/': defer(() => of(++called)) });
      expect(await rejection(fetch(api, { signal: AbortSignal.abort(reason) }))).to.equal(reason);
      expect([called, fetch.calls[0]?.outcome]).to.deep.equal([0, 'aborted']);
    });

    it('while it waits: the answer is unsubscribed', async () => {
      let unsubscribed = 0;
      const fetch = fakeFetch({ '/': new Observable<never>(() => () => unsubscribed++) });
      const controller = new AbortController();
      const asked = rejection(fetch(api, { signal: controller.signal }));
      expect(fetch.calls[0]).to.have.property('outcome', 'pending');
      controller.abort(reason);
      expect(await asked).to.equal(reason);
      expect([unsubscribed, fetch.calls[0]?.outcome]).to.deep.equal([1, 'aborted']);
    });

    it('by unsubscribing from a service', () => {
      const fetch = fakeFetch({ '/': NEVER });
      fetchJson({ fetch }, api).subscribe().unsubscribe();
      expect(fetch.calls[0]).to.have.property('outcome', 'aborted');
    });

    it('while the body is read: it breaks off with the reason', async () => {
      let canceled: unknown;
      const body = new ReadableStream<Uint8Array>({
        start: (stream) => {
          stream.enqueue(new TextEncoder().encode('{'));
        },
        cancel: (why) => {
          canceled = why;
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

    it('no more when the body has been read, or is canceled', async () => {
      const fetch = fakeFetch({ '/': { name: 'Alice' } });
      for (const finish of [(response: Response) => response.text(), (response: Response) => response.body!.cancel()]) {
        const controller = new AbortController();
        await finish(await fetch(api, { signal: controller.signal }));
        controller.abort(reason);
      }
      expect(fetch.calls.map(({ outcome }) => outcome)).to.deep.equal(['answered', 'answered']);
    });
  });

  it('refuses virtual time, in which it would never answer', () => {
    marbles(({ expectObservable }) => {
      const fetch = fakeFetch({ '/': {} });
      const ask = aggregate({ profile: (ctx) => fetchJson(ctx, api) }, withLogger(silent));
      const message = 'profile: fakeFetch answers with promises, which are never virtual: in marbles, use cold(…)';
      const told = ask({ fetch }).pipe(catchError((error: Error) => of(error.message)));
      expectObservable<unknown>(told).toBe('(m|)', { m: message });
    });
  });
});
