import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { lastValueFrom, type Observable } from 'rxjs';
import {
  background,
  type Fetch,
  fetchEvents,
  type FetchInit,
  fetchJson,
  fetchLines,
  fetchResponse,
  fetchText,
  HttpError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { recordingFetch, responding } from '../support/stub-fetch.ts';

describe('a request', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';

  it('calls ctx.fetch for each subscription, as a plain function with a URL', async () => {
    const calls: { plain: boolean; args: unknown[] }[] = [];
    const fetch = function (this: unknown, ...args: Parameters<Fetch>): Promise<Response> {
      calls.push({ plain: this === undefined || this === globalThis, args });
      return Promise.resolve(Response.json({ name: 'Alice' }));
    };
    const profile = fetchJson({ fetch }, `${api}?verbose`);
    expect(calls).to.have.length(0);
    expect(await lastValueFrom(profile)).to.deep.equal({ name: 'Alice' });
    expect(calls).to.have.length(1);
    expect(calls[0]?.plain).to.equal(true);
    expect(calls[0]?.args[0]).to.be.instanceOf(URL).with.property('href', `${api}?verbose`);
  });

  it("passes the caller's init to the transport, with a signal of its own, and without the options of forkfast", async () => {
    const { fetch, requests } = recordingFetch();
    const { signal } = new AbortController();
    const init = { method: 'PUT', body: 'x', cache: 'no-store', maxBytes: 9, empty: 'undefined', signal } as const;
    await lastValueFrom(fetchJson({ fetch, signal, deadline: 4e12, propagate: { 'x-id': '7' } }, api, init));
    const { headers, signal: own, ...rest } = requests[0]!.init;
    expect(rest).to.deep.equal({ method: 'PUT', body: 'x', cache: 'no-store', redirect: 'error' });
    expect([...new Headers(headers)]).to.deep.equal([['accept', 'application/json'], ['x-id', '7']]); // prettier-ignore
    expect(own).to.be.instanceOf(AbortSignal).and.not.to.equal(signal);
  });

  it('passes an init to the transport that has nothing but a symbol', async () => {
    const { fetch, requests } = recordingFetch();
    const key = Symbol('of a transport');
    await lastValueFrom(fetchJson({ fetch }, api, { [key]: 1 } as FetchInit));
    expect(requests[0]!.init).to.have.property(key, 1);
  });

  it('sends a body with every method but GET and HEAD, even if the name of the method contains those', async () => {
    for (const method of ['GETALL', 'TARGET', 'HEADER', 'AHEAD']) {
      expect(await lastValueFrom(fetchText({ fetch: responding('ok') }, api, { method, body: 'x' }))).to.equal('ok');
    }
  });

  for (const [method, sent] of [
    ['patch', 'patch'],
    ['Patch', 'Patch'],
    ['PATCH', 'PATCH'],
    ['query', 'query'],
    ['get', 'GET'],
    ['Delete', 'DELETE'],
    ['put', 'PUT'],
  ] as const) {
    it(`names the method of ${method} in errors as fetch sends it`, async () => {
      const fetch = responding(null, { status: 404 });
      const error = await failureOf(fetchText({ fetch }, api, { method }), HttpError);
      expect(error.method).to.equal(sent);
    });
  }

  const credentials =
    'fetch: expected a URL without credentials, got some before the host of http://api.test/users: send them in a header';
  const relative = (shown: string): string =>
    `fetch: expected an absolute URL, since there is no page, got ${shown}: add the scheme and the host`;
  const invalid = (shown: string): string => `fetch: expected a valid URL, got ${shown}: check its host and port`;
  const urls: [title: string, url: string | URL, message: string][] = [
    ['with a user and a password', 'http://alice:secret@api.test/users?token=secret', credentials],
    ['with a user', 'http://secret@api.test/users', credentials],
    ['with a password', new URL('http://:secret@api.test/users'), credentials],
    ['without a host', 'http://', invalid('"http://"')],
    ['with an open bracket', 'http://[?token=secret', invalid('"http://["')],
    ['with a slash in the password', 'http://alice:sec/ret@api.test/', invalid('"http://api.test/"')],
    ['that is missing', undefined as never, 'fetch: url: expected a string or a URL, got undefined'],
    ['that is a number', 42 as never, 'fetch: url: expected a string or a URL, got 42'],
    ['with a name as the port', 'http://api.test:http/?token=secret', invalid('"http://api.test:http/"')],
  ];
  if (typeof document === 'undefined') {
    urls.push(
      // Chromium escapes the space.
      ['with a space in the host', 'http://alice:secret@api test/', invalid('"http://api test/"')],
      ['with only a path, where there is no page', '/users/42?token=secret', relative('"/users/42"')],
      ['with only a name, where there is no page', 'users', relative('"users"')],
      ['without any text, where there is no page', '', relative('""')],
      ['without a scheme, where there is no page', '//a:secret@api.test/users', relative('"//api.test/users"')],
    );
  }
  for (const [title, url, message] of urls) {
    it(`rejects a URL ${title}, without calling the transport, and shows no secret`, async () => {
      const { fetch, requests } = recordingFetch();
      const error = await failureOf(fetchJson({ fetch }, url), TypeError);
      expect(error.message).to.equal(message);
      expect(String(error.stack) + JSON.stringify(error)).not.to.include('secret');
      expect(requests).to.deep.equal([]);
    });
  }

  const noBody = (method: string): string => `fetch: body: expected none with ${method}, got one: use another method`;
  const inits: [title: string, init: FetchInit, type: ErrorConstructor, message: string][] = [
    ['a GET with a body', { method: 'GET', body: 'x' }, TypeError, noBody('GET')],
    ['a get with a body', { method: 'get', body: 'x' }, TypeError, noBody('GET')],
    ['a HEAD with a body', { method: 'HEAD', body: 'x' }, TypeError, noBody('HEAD')],
    ['an empty body without a method', { body: '' }, TypeError, noBody('GET')],
    [
      'a method alone',
      'POST' as never,
      TypeError,
      "fetch: init: expected a plain object, got a string: pass { method: 'POST' }, for example",
    ],
    ['maxBytes: NaN', { maxBytes: NaN }, RangeError, 'fetch: maxBytes: expected at least 0, got NaN'],
    ['maxBytes: null', { maxBytes: null as never }, RangeError, 'fetch: maxBytes: expected at least 0, got null'],
    ['maxBytes: text', { maxBytes: '5' as never }, RangeError, 'fetch: maxBytes: expected at least 0, got a string'],
    ['maxBytes: -1', { maxBytes: -1 }, RangeError, 'fetch: maxBytes: expected at least 0, got -1'],
  ];
  for (const [title, init, type, message] of inits) {
    it(`rejects ${title}, without calling the transport`, async () => {
      const { fetch, requests } = recordingFetch();
      expect((await failureOf(fetchJson({ fetch }, api, init), type)).message).to.equal(message);
      expect(requests).to.deep.equal([]);
    });
  }

  for (const request of [fetchJson, fetchText, fetchResponse, fetchLines, fetchEvents]) {
    it(`rejects in ${request.name} an init that is not a plain object, and accepts null`, async () => {
      const { fetch, requests } = recordingFetch();
      const send = (init: unknown) => (request as typeof fetchText)({ fetch }, api, init as FetchInit);
      const inits = ['POST', 5, new Request(api, { method: 'DELETE' }), Object.create({ method: 'POST' })];
      for (const init of inits) {
        const error = await failureOf(send(init), TypeError);
        expect(error.message).to.match(/^fetch: init: expected a plain object, got .*: pass \{ method: 'POST' \}/);
      }
      expect(requests).to.deep.equal([]);
      send(null).subscribe({ error: () => undefined });
      expect(requests).to.have.length(1);
    });
  }

  it('rejects an invalid context with an error notification', async () => {
    const error = await failureOf(fetchJson(undefined as never, api), TypeError);
    expect(error.message).to.match(/context/);
  });

  it('emits the type that the caller states', () => {
    const init = (given: FetchInit | RequestInit): typeof given => given;
    const maybe = fetchJson<string[]>(background, api, { empty: 'undefined' });
    expectTypeOf(fetchJson(background, api)).toEqualTypeOf<Observable<unknown>>();
    expectTypeOf(fetchJson<string[]>(background, api, {})).toEqualTypeOf<Observable<string[]>>();
    expectTypeOf(fetchJson<string[]>(background, api, { maxBytes: 1 })).toEqualTypeOf<Observable<string[]>>();
    expectTypeOf(fetchJson<string[]>(background, api, init({}))).toEqualTypeOf<Observable<string[] | undefined>>();
    expectTypeOf(maybe).toEqualTypeOf<Observable<string[] | undefined>>();
    expectTypeOf(fetchText(background, api)).toEqualTypeOf<Observable<string>>();
    expectTypeOf(fetch).toExtend<Fetch>();
    // @ts-expect-error -- 'null' is not an option for an empty body
    void fetchJson(background, api, { empty: 'null' });
  });
});
