import { expect } from 'chai';
import { lastValueFrom, tap } from 'rxjs';
import { BodyTooLargeError, fetchText } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { responding, streamOf } from '../support/stub-fetch.ts';

describe('maxBytes', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';

  it('cancels a larger body at once, before it notifies the subscriber', async () => {
    const log: string[] = [];
    const { stream, canceled } = streamOf(['12', '34', '56'], 'hang', () => {
      log.push('canceled');
      return Promise.resolve();
    });
    const text = fetchText({ fetch: responding(stream) }, api, { maxBytes: 3 });
    const error = await failureOf(text.pipe(tap({ error: () => log.push('notified') })), BodyTooLargeError);
    expect(error.message).to.equal(`more than 3 bytes from GET ${api}`);
    expect(log).to.deep.equal(['canceled', 'notified']);
    expect(canceled()).to.equal(1);
  });

  for (const [maxBytes, body] of [
    [0, ''],
    [4, 'ää'],
    [Infinity, 'ää'],
  ] as const) {
    it(`accepts a body of exactly as many bytes: ${String(maxBytes)}`, async () => {
      expect(await lastValueFrom(fetchText({ fetch: responding(body) }, api, { maxBytes }))).to.equal(body);
    });
  }
});
