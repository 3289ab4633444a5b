import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { lastValueFrom } from 'rxjs';
import {
  type Fetch,
  fetchJson,
  type FetchInit,
  fetchResponse,
  type FetchResponseInit,
  HttpError,
} from '../../lib/index.ts';
import { errorOf, failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { recordingFetch, responding } from '../support/stub-fetch.ts';

const api = 'http://api.test/orders';

describe('fetchResponse', () => {
  expectNoUnhandledRejections();

  it('emits the status, the headers and the parsed body', async () => {
    const fetch = responding('[1]', { status: 201, headers: { ETag: '"a"' } });
    const source = fetchResponse<number[]>({ fetch }, api);
    const { status, headers, body } = await lastValueFrom(source);
    expectTypeOf(body).toEqualTypeOf<number[] | undefined>();
    expect([status, headers.get('etag'), headers.get('E-Tag'), body]).to.deep.equal([201, '"a"', null, [1]]);
  });

  it('emits text and bytes', async () => {
    const text = await lastValueFrom(fetchResponse({ fetch: responding('€') }, api, { as: 'text' }));
    expectTypeOf(text.body).toEqualTypeOf<string>();
    expect(text.body).to.equal('€');
    const bytes = await lastValueFrom(fetchResponse({ fetch: responding('€') }, api, { as: 'bytes' }));
    expectTypeOf(bytes.body).toEqualTypeOf<Uint8Array<ArrayBuffer>>();
    expect(bytes.body).to.deep.equal(Uint8Array.of(0xe2, 0x82, 0xac));
  });

  it('emits a 304 as an answer, which is an HttpError for fetchJson', async () => {
    const fetch = responding(null, { status: 304, headers: { etag: '"a"' } });
    const { status, headers, body } = await lastValueFrom(fetchResponse({ fetch }, api));
    expect([status, headers.get('etag'), body]).to.deep.equal([304, '"a"', undefined]);
    await failureOf(fetchJson({ fetch }, api), HttpError);
  });

  it('emits an empty body as undefined, an empty text or no bytes', async () => {
    for (const [as, empty] of [
      [undefined, undefined],
      ['text', ''],
      ['bytes', new Uint8Array()],
    ] as const) {
      const init = (as === undefined ? {} : { as }) as { as: 'text' };
      const { body } = await lastValueFrom(fetchResponse({ fetch: responding(null, { status: 204 }) }, api, init));
      expect(body).to.deep.equal(empty);
    }
  });

  it('sends accept for JSON only', async () => {
    for (const [as, accept] of [
      ['json', 'application/json'],
      ['text', null],
    ] as const) {
      const { fetch, requests } = recordingFetch();
      await lastValueFrom(fetchResponse({ fetch }, api, { as } as { as: 'text' }));
      expect(new Headers(requests[0]!.init.headers).get('accept')).to.equal(accept);
      expect(requests[0]!.init).not.to.have.property('as');
    }
  });

  it('sends its own headers, whatever a transport has done with those of the request before', async () => {
    const sent: [string, string][][] = [];
    const fetch: Fetch = (_url, init) => {
      const headers = init.headers as [string, string][];
      sent.push(headers.map(([name, value]) => [name, value]));
      for (const header of headers) header[1] = 'changed';
      headers.push(['x-added', '1']);
      return Promise.resolve(new Response('1'));
    };
    for (let count = 0; count < 2; count++) await lastValueFrom(fetchResponse({ fetch }, api));
    expect(sent[1])
      .to.deep.equal(sent[0])
      .and.to.deep.equal([['accept', 'application/json']]);
  });

  it('emits headers that nobody can change, and that print nothing', async () => {
    const response = new Response('1', { headers: { 'set-cookie': 'secret', 'x-token': 'secret' } });
    const { headers } = await lastValueFrom(fetchResponse({ fetch: () => Promise.resolve(response) }, api));
    expect(JSON.stringify(headers)).to.equal('{}');
    expect(Object.isFrozen(headers)).to.equal(true);
    expect(headers).to.have.all.keys('get');
  });

  it('errors with TypeError for another form, and sends nothing', () => {
    const { fetch, requests } = recordingFetch();
    for (const as of ['blob', 'toString', 1]) {
      const init = { as } as unknown as FetchResponseInit & { as: 'text' };
      expect(errorOf(fetchResponse({ fetch }, api, init)))
        .to.be.instanceOf(TypeError)
        .with.property('message')
        .that.matches(/^fetchResponse: as: expected 'json', 'text' or 'bytes', got .+: leave it out for JSON$/);
    }
    expect(requests).to.deep.equal([]);
  });
});

describe('the headers of an HttpError', () => {
  it('can be read, and are in no log and no JSON', async () => {
    const fetch = responding('', { status: 429, headers: { 'X-RateLimit-Remaining': '0', 'set-cookie': 'secret' } });
    const error = await failureOf(fetchJson({ fetch }, api), HttpError);
    expect(error.headers.get('x-ratelimit-remaining')).to.equal('0');
    expect(error.headers.get('x-other')).to.equal(null);
    expect(Object.keys(error)).not.to.include('headers');
    expect(JSON.stringify(error)).not.to.include('secret').and.not.to.include('headers');
  });

  it('are empty for an error made without', () => {
    expect(new HttpError({ status: 404, method: 'GET', url: api }).headers.get('etag')).to.equal(null);
  });
});

describe('json in init', () => {
  const sent = async (init: FetchInit) => {
    const { fetch, requests } = recordingFetch();
    await lastValueFrom(fetchJson({ fetch }, api, { method: 'POST', ...init }));
    const { body, headers } = requests[0]!.init;
    expect(requests[0]!.init).not.to.have.property('json');
    return [body, new Headers(headers).get('content-type')];
  };

  for (const [json, body] of [
    [{ item: 'tea', none: undefined }, '{"item":"tea"}'],
    [[], '[]'],
    [null, 'null'],
    ['', '""'],
    [0, '0'],
    [false, 'false'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ] as const) {
    it(`sends ${body} with its content type`, async () => {
      expect(await sent({ json })).to.deep.equal([body, 'application/json']);
    });
  }

  it('sends the content type of init instead', async () => {
    const headers = { 'Content-Type': 'application/merge-patch+json' };
    expect(await sent({ json: {}, headers })).to.deep.equal(['{}', headers['Content-Type']]);
  });

  it('is sent again by each subscription', async () => {
    const { fetch, requests } = recordingFetch();
    const source = fetchJson({ fetch }, api, { method: 'POST', json: [1] });
    for (let count = 1; count <= 2; count++) await lastValueFrom(source);
    expect(requests.map(({ init }) => init.body)).to.deep.equal(['[1]', '[1]']);
  });

  const cycle: { self?: object } = {};
  cycle.self = cycle;
  const throwing = {
    toJSON: () => {
      throw new Error('secret');
    },
  };
  const anything = 'a BigInt, a cycle or a toJSON that throws';
  for (const [title, json, got] of [
    ['undefined', undefined, 'undefined'],
    ['a function', () => 'secret', 'a function'],
    ['a symbol', Symbol('secret'), 'a symbol'],
    ['a cycle', cycle, anything],
    ['a BigInt', { secret: 1n }, anything],
    ['a toJSON that throws', throwing, anything],
  ] as const) {
    it(`errors with TypeError for ${title}, and sends nothing`, () => {
      const { fetch, requests } = recordingFetch();
      const error = errorOf(fetchJson({ fetch }, api, { method: 'POST', json: json as object }));
      const message = `fetch: json: expected a value that JSON can hold, got ${got}: pass plain data`;
      expect(error).to.be.instanceOf(TypeError).with.property('message', message);
      expect(error).not.to.have.property('cause');
      expect(requests).to.deep.equal([]);
    });
  }

  it('errors with TypeError beside a body, and with GET', () => {
    const { fetch, requests } = recordingFetch();
    for (const [init, message] of [
      [{ method: 'POST', body: 'x' }, 'fetch: json: expected no body beside it, got one: pass either json or body'],
      [{}, 'fetch: body: expected none with GET, got one: use another method'],
    ] as const) {
      expect(errorOf(fetchJson({ fetch }, api, { ...init, json: 1 }))).to.have.property('message', message);
    }
    expect(requests).to.deep.equal([]);
  });

  it('is typed: no undefined, symbol or BigInt', () => {
    expectTypeOf<FetchInit['json']>().toEqualTypeOf<object | string | number | boolean | null | undefined>();
    const request = (fetch: Fetch) => fetchJson({ fetch }, api, { method: 'POST', json: { item: 'tea' } });
    expectTypeOf(request).returns.toHaveProperty('subscribe');
    // @ts-expect-error a BigInt is not JSON
    const init: FetchInit = { json: 1n };
    expect(init).to.have.property('json');
  });
});
