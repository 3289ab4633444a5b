import { expect } from 'chai';
import { lastValueFrom } from 'rxjs';
import {
  DecodeError,
  type Fetch,
  fetchJson,
  type FetchResponse,
  fetchText,
  HttpError,
  NetworkError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { bytesOf, responding, streamOf } from '../support/stub-fetch.ts';

describe('response bodies', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';
  const oneByOne = (bytes: readonly number[] | Uint8Array) =>
    streamOf(
      [...bytes].map((byte) => Uint8Array.of(byte)),
      'end',
    );

  it('decodes UTF-8 across chunks, without a byte order mark', async () => {
    const { stream } = oneByOne(bytesOf('\ufeff"€"'));
    expect(await lastValueFrom(fetchJson({ fetch: responding(stream) }, api))).to.equal('€');
  });

  it('cancels nothing that it has read to the end', async () => {
    const { stream, canceled } = streamOf(['"Al', 'ice"'], 'end');
    expect(await lastValueFrom(fetchJson({ fetch: responding(stream) }, api))).to.equal('Alice');
    expect(canceled()).to.equal(0);
  });

  it('emits the body of a 200 and of a 299', async () => {
    for (const status of [200, 299]) {
      expect(await lastValueFrom(fetchText({ fetch: responding('Alice', { status }) }, api))).to.equal('Alice');
    }
  });

  for (const [title, body] of [
    ['has a byte that is not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['ends within a character', Uint8Array.of(0x22, 0xe2, 0x82)],
    ['has a byte that is not UTF-8, and comes in chunks', oneByOne([0x22, 0xff, 0x22]).stream],
  ] as const) {
    it(`errors with DecodeError when it ${title}`, async () => {
      const error = await failureOf(fetchText({ fetch: responding(body) }, api), DecodeError);
      expect(error.message).to.equal(`expected UTF-8, got 3 bytes of no content type (HTTP 200) from GET ${api}`);
      expect(error.contentType).to.equal(null);
    });
  }

  for (const [header, contentType] of [
    ['text/html', 'text/html'],
    ['text/html; charset=utf-8', 'text/html; charset=utf-8'],
    ['text/html;charset=utf-8', 'text/html;charset=utf-8'],
    ['multipart/mixed; boundary=secret', 'multipart/mixed'],
    ['application/vnd.api+json;profile="secret"', 'application/vnd.api+json'],
    [`text/${'x'.repeat(100)}`, `text/${'x'.repeat(64)}`],
    [`text/html${' '.repeat(5)}; charset=utf-8`, 'text/html'],
    ['secret', null],
    ['secret, text/html', null],
  ] as const) {
    it(`errors with DecodeError when it is not JSON, and quotes only the media type: ${header}`, async () => {
      const fetch = responding('<h1>secret', { headers: { 'content-type': header } });
      const error = await failureOf(fetchJson({ fetch }, api), DecodeError);
      const actual = `10 bytes of ${contentType ?? 'no content type'}`;
      expect(error.message).to.equal(`expected JSON, got ${actual} (HTTP 200) from GET ${api}`);
      expect(error).to.include({ status: 200, contentType, method: 'GET', url: api });
      expect(error).not.to.have.property('cause');
    });
  }

  for (const [title, body, status] of [
    ['a 204', null, 204],
    ['an empty 200', '', 200],
    ['a byte order mark', '\ufeff', 200],
  ] as const) {
    it(`errors with DecodeError when it is empty, or emits undefined if the caller says so, or '' as text: ${title}`, async () => {
      const ctx = { fetch: responding(body, { status }) };
      for (const init of [{}, { empty: 'error' }] as const) {
        const { message } = await failureOf(fetchJson(ctx, api, init), DecodeError);
        expect(message).to.match(new RegExp(`^expected JSON, got an empty body \\(HTTP ${String(status)}\\) from GET`));
      }
      expect(await lastValueFrom(fetchJson(ctx, api, { empty: 'undefined' }))).to.equal(undefined);
      expect(await lastValueFrom(fetchText(ctx, api))).to.equal('');
    });
  }

  it('errors with DecodeError when it is not JSON, even if an empty one is undefined', async () => {
    await failureOf(fetchJson({ fetch: responding('<h1>') }, api, { empty: 'undefined' }), DecodeError);
  });

  it('keeps `__proto__` as a key of its JSON, and pollutes no prototype', async () => {
    const fetch = responding('{"__proto__":{"admin":true},"name":"Alice"}');
    const answer = await lastValueFrom(fetchJson<object>({ fetch }, api));
    expect(Object.keys(answer)).to.deep.equal(['__proto__', 'name']);
    expect(Object.getPrototypeOf(answer)).to.equal(Object.prototype);
    expect(answer).not.to.have.property('admin');
    expect({}).not.to.have.property('admin');
  });

  describe('that is not a ReadableStream', () => {
    /** A response with a body whose reader calls `read`, and the number of times that it was canceled. */
    const responseWith = (status: number, read: () => Promise<{ done: boolean; value?: Uint8Array }>) => {
      let canceled = 0;
      const cancel = (): Promise<void> => {
        canceled++;
        return Promise.resolve();
      };
      const response: FetchResponse = {
        status,
        headers: { get: () => null },
        body: { getReader: () => ({ read, cancel }) },
      };
      const fetch: Fetch = () => Promise.resolve(response);
      return { ctx: { fetch }, canceled: () => canceled };
    };

    it('reads a last chunk that comes with the end', async () => {
      const chunks = [{ done: false, value: bytesOf('[1') }, { done: true, value: bytesOf(']') }]; // prettier-ignore
      const { ctx, canceled } = responseWith(200, () => Promise.resolve(chunks.shift()!));
      expect(await lastValueFrom(fetchJson(ctx, api))).to.deep.equal([1]);
      expect(canceled()).to.equal(0);
    });

    it('reads the empty body of an error, and does not cancel it', async () => {
      const { ctx, canceled } = responseWith(199, () => Promise.resolve({ done: true }));
      expect(await failureOf(fetchJson(ctx, api), HttpError)).to.include({ status: 199, body: '' });
      expect(canceled()).to.equal(0);
    });

    it('does not cancel a body that has broken', async () => {
      const { ctx, canceled } = responseWith(200, () => Promise.reject(new Error('the stream broke')));
      await failureOf(fetchText(ctx, api), NetworkError);
      expect(canceled()).to.equal(0);
    });
  });
});
