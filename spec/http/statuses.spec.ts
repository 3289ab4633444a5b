import { expect } from 'chai';
import { asyncScheduler } from 'rxjs';
import { type Fetch, fetchJson, fetchText, HttpError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { responding, streamOf } from '../support/stub-fetch.ts';

describe('a status outside 200–299', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';
  const errorOf = async (body: BodyInit | null, init: ResponseInit = { status: 500 }): Promise<HttpError> =>
    failureOf(fetchText({ fetch: responding(body, init) }, api), HttpError);

  it('errors with HttpError, which has an excerpt that is not enumerable', async () => {
    const fetch = responding('no such user', { status: 404, headers: { 'content-type': 'text/plain' } });
    const error = await failureOf(fetchJson({ fetch }, `${api}?token=secret#top`, { method: 'delete' }), HttpError);
    expect(error.message).to.equal(`HTTP 404 from DELETE ${api}`);
    expect(error).to.include({ status: 404, method: 'DELETE', url: api, retryAfter: undefined });
    expect(error.body).to.equal('no such user');
    expect(Object.keys(error)).not.to.include('body');
    expect(error.toJSON()).not.to.have.property('body');
    expect(JSON.stringify(error)).not.to.include('no such user');
  });

  it('errors with HttpError for an error response of the platform', async () => {
    const fetch: Fetch = () => Promise.resolve(Response.error());
    expect((await failureOf(fetchJson({ fetch }, api), HttpError)).status).to.equal(0);
  });

  describe('the excerpt', () => {
    it('ends after 64 KiB, in bytes, even if the body comes in one chunk', async () => {
      expect((await errorOf('x'.repeat(2 ** 20))).body).to.equal('x'.repeat(2 ** 16));
      expect((await errorOf('é'.repeat(2 ** 20))).body).to.equal('é'.repeat(2 ** 15));
    });

    for (const [title, chunks, then, excerpt, canceled] of [
      [
        'ends after 64 KiB, and cancels a body that would end there',
        ['x'.repeat(2 ** 16)],
        'end',
        'x'.repeat(2 ** 16),
        1,
      ],
      ['ends after 100 ms, and cancels a body that drips', ['dri', 'p'], 'hang', 'drip', 1],
      ['ends where the body breaks', ['oops'], 'break', 'oops', 0],
    ] as const) {
      it(title, async () => {
        const body = streamOf(chunks, then);
        expect((await errorOf(body.stream)).body).to.equal(excerpt);
        expect(body.canceled()).to.equal(canceled);
      });
    }

    it('is empty if the body has another reader', async () => {
      const response = new Response('for another reader', { status: 500 });
      response.body?.getReader();
      const error = await failureOf(fetchText({ fetch: () => Promise.resolve(response) }, api), HttpError);
      expect(error.body).to.equal('');
    });

    it('replaces bytes that are not UTF-8', async () => {
      expect((await errorOf(Uint8Array.of(0x61, 0xff, 0x62))).body).to.equal('a\ufffdb');
    });
  });

  describe('Retry-After', () => {
    for (const [value, ms] of [
      ['0', 0],
      ['120', 120_000],
      [' 7 ', 7_000],
      ['Wed, 21 Oct 2015 07:28:00 GMT', 0], // long past
      ['\t7\t', 7_000],
      ['007', 7_000],
      ['9'.repeat(400), Number.MAX_SAFE_INTEGER],
      ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
      ['Sun Nov  6 08:49:37 1994', 0],
      ['wed, 21 oct 2015 07:28:00 gmt', 0],
      ['Sat, 31 Dec 2016 23:59:60 GMT', 0], // a leap second
      ['+1', undefined],
      ['1, 2', undefined],
      ['1e3', undefined],
      ['0x10', undefined],
      ['1 s', undefined],
      ['Infinity', undefined],
      ['1.5', undefined],
      ['-1', undefined],
      ['soon', undefined],
      ['Tue, 31 Feb 2090 07:28:00 GMT', undefined],
      ['Wed, 29 Feb 2090 07:28:00 GMT', undefined],
      ['Wed, 21 Oct 2090 24:00:00 GMT', undefined],
      ['Wed, 00 Oct 2090 07:28:00 GMT', undefined],
      ['Sat, 21 Oct 0094 07:28:00 GMT', 0], // another year than 1994
      ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
      ['(at) Wed, 21 Oct 2015 07:28:00 GMT', undefined],
      ['Wed, 21 Oct 2015 07:28:00 GMT+0100', undefined],
      ['2099-01-01', undefined],
      ['Wed, 21 Oct 2015', undefined],
      ['Wed, 21 Foo 2015 07:28:00 GMT', undefined],
      ['Wed, 21 Oct 2015 25:28:00 GMT', undefined],
      ['Wed, 21 Oct 2015 07:28:00', undefined],
      ['Wed, 21-Oct-15 07:28:00 GMT', undefined],
      ['Sun Nov 06 1994 08:49:37', undefined],
      ['null', undefined],
      ['', undefined],
    ] as const) {
      it(`becomes milliseconds: ${JSON.stringify(value)} is ${String(ms)}`, async () => {
        const get = (name: string): string | null => (name === 'retry-after' ? value : null);
        const fetch: Fetch = () => Promise.resolve({ status: 503, headers: { get }, body: null });
        expect((await failureOf(fetchText({ fetch }, api), HttpError)).retryAfter).to.equal(ms);
      });
    }

    for (const [value, ms] of [
      ['1500', 1_500],
      ['0', 0],
      ['12.5', 12.5],
      [' 7\t', 7],
      ['9'.repeat(400), Number.MAX_SAFE_INTEGER],
      ['soon', 2_000],
      ['-1', 2_000],
      ['1e3', 2_000],
      ['', 2_000],
    ] as const) {
      it(`gives way to retry-after-ms, if that is a number: ${JSON.stringify(value)} is ${String(ms)}`, async () => {
        const headers = { 'Retry-After-Ms': value, 'Retry-After': '2' };
        expect((await errorOf(null, { status: 429, headers })).retryAfter).to.equal(ms);
      });
    }

    const year = new Date().getUTCFullYear() + 1;
    const day = (weekday: 'short' | 'long'): string =>
      new Date(Date.UTC(year, 0, 2)).toLocaleDateString('en', { weekday, timeZone: 'UTC' });
    for (const [form, value] of [
      ['a date', `${day('short')}, 02 Jan ${String(year)} 00:00:00 GMT`],
      ['a date of RFC 850', `${day('long')}, 02-Jan-${String(year).slice(2)} 00:00:00 GMT`],
      ['a date of asctime, which is in UTC', `${day('short')} Jan  2 00:00:00 ${String(year)}`],
    ] as const) {
      it(`becomes milliseconds: ${form} counts from now`, async () => {
        const date = Date.UTC(year, 0, 2);
        const earliest = Date.now();
        const { retryAfter } = await errorOf(null, { status: 503, headers: { 'retry-after': value } });
        expect(retryAfter).to.be.within(date - Date.now(), date - earliest);
      });
    }

    for (const [now, value, ms] of [
      ['2060-01-01T00:00:00Z', 'Saturday, 02-Jan-05 00:00:00 GMT', Date.UTC(2105, 0, 2) - Date.UTC(2060, 0, 1)],
      ['1970-01-01T00:00:00Z', 'Sunday, 02-Jan-05 00:00:00 GMT', Date.UTC(2005, 0, 2) - Date.UTC(1970, 0, 1)],
      ['2060-01-01T00:00:00Z', 'Saturday, 02-Jan-50 00:00:00 GMT', 0],
      ['2030-06-01T00:00:00Z', 'Tuesday, 31-May-80 00:00:00 GMT', Date.UTC(2080, 4, 31) - Date.UTC(2030, 5, 1)],
      ['2030-06-01T00:00:00Z', 'Monday, 02-Jun-80 00:00:00 GMT', 0],
      ['1960-01-01T00:00:00Z', 'Friday, 01-Jan-60 00:00:01 GMT', 1_000],
    ] as const) {
      it(`becomes milliseconds: in ${now.slice(0, 4)}, ${value} is ${String(ms)}`, async () => {
        const scheduler = asyncScheduler;
        const { now: clock } = scheduler;
        scheduler.now = () => Date.parse(now);
        try {
          const { retryAfter } = await errorOf(null, { status: 503, headers: { 'retry-after': value } });
          expect(retryAfter).to.equal(ms);
        } finally {
          scheduler.now = clock;
        }
      });
    }

    it('becomes milliseconds: two digits are a year that is at most 50 years ahead', async () => {
      const retryAfterIn = async (years: number): Promise<number | undefined> => {
        const digits = String(new Date().getUTCFullYear() + years).slice(2);
        const headers = { 'retry-after': `Monday, 02-Jan-${digits} 00:00:00 GMT` };
        return (await errorOf(null, { status: 503, headers })).retryAfter;
      };
      expect(await retryAfterIn(49)).to.be.greaterThan(48 * 365 * 86_400_000);
      expect(await retryAfterIn(51)).to.equal(0);
      expect(await retryAfterIn(-1)).to.equal(0);
    });
  });
});
