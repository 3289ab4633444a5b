import { expect } from 'chai';
import { lastValueFrom } from 'rxjs';
import { type Context, type FetchInit, fetchText } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { recordingFetch } from '../support/stub-fetch.ts';

describe('headers', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';

  it('trims a value, for a transport that sends it unchanged', async () => {
    const { fetch, requests } = recordingFetch();
    const headers = { before: ' \tx y', after: 'x y\t ', around: ' \xa0 ', none: 'x y' };
    await lastValueFrom(fetchText({ fetch }, api, { headers }));
    const trimmed = Object.entries({ before: 'x y', after: 'x y', around: '\xa0', none: 'x y' });
    expect(requests[0]!.init.headers).to.deep.equal(trimmed);
  });

  type Place = [Context, FetchInit];
  const everywhere = (name: string, value: string): [title: string, ...Place][] => [
    ['a record', {}, { headers: { [name]: value } }],
    ['pairs', {}, { headers: [[name, value]] }],
    ['ctx.propagate', { propagate: { [name]: value } }, {}],
  ];
  const rejected: [title: string, message: string, ...Place][] = [];

  const badValue = 'fetch: header x-key: expected one line of Latin-1 text, got another character: encode the value';
  for (const [title, value] of [
    ['CR', 'secret\rx'],
    ['LF', 'secret\nx: y'],
    ['a line break at the end', 'secret\n'],
    ['NUL', 'secret\0'],
    ['DEL', 'secret\x7f'],
    ['a character beyond Latin-1', 'secret €'],
  ] as const) {
    for (const [place, ...given] of everywhere('x-key', value)) {
      rejected.push([`with ${title} in its value, in ${place}`, badValue, ...given]);
    }
  }
  const onlyHeadersAccepts = new Headers({ 'x-key': 'secret\x01' });
  rejected.push(['with a control that a Headers accepts', badValue, {}, { headers: onlyHeadersAccepts }]);

  const badName = (shown: string): string =>
    `fetch: header name: expected an HTTP token, got "${shown}": use letters, digits and hyphens`;
  for (const [name, shown] of [
    ['', '…'],
    [' secret', '…'],
    ['x key', 'x…'],
    ['authorization: secret', 'authorization…'],
    ['x-ä', 'x-…'],
    ['x\r\ny', 'x…'],
  ] as const) {
    for (const [place, ...given] of everywhere(name, 'secret')) {
      rejected.push([`with the name ${JSON.stringify(name)}, in ${place}`, badName(shown), ...given]);
    }
  }
  rejected.push(['without a name', badName('…'), {}, { headers: [[]] as never }]);
  rejected.push([
    'in a string',
    'fetch: headers: expected a record, pairs or a Headers, got a string',
    {},
    { headers: 'x-key: secret' as never },
  ]);

  for (const [title, message, ctx, init] of rejected) {
    it(`rejects a header ${title}, without calling the transport, and does not show its value`, async () => {
      const { fetch, requests } = recordingFetch();
      const error = await failureOf(fetchText({ ...ctx, fetch }, api, init), TypeError);
      expect(error.message).to.equal(message);
      expect(String(error.stack) + JSON.stringify(error)).not.to.include('secret');
      expect(requests).to.deep.equal([]);
    });
  }
});
