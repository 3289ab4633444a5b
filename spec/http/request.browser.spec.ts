import { expect } from 'chai';
import { lastValueFrom } from 'rxjs';
import { background, fetchJson, fetchText, url } from '../../lib/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { at, elsewhere, expectNothingLeft, inFrame, registerServiceWorker } from '../support/upstream.ts';

describe('a request, in a page', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();
  expectNothingLeft();

  const alice = { name: 'Alice' };

  for (const input of ['/json?relative', url`${''}/json?again`, url`${location.origin}/json?absolute`]) {
    it(`resolves a URL against the page: ${String(input)}`, async () => {
      expect(await lastValueFrom(fetchJson(background, input))).to.deep.equal(alice);
    });
  }

  it('emits the answer of another origin that allows the page', async () => {
    const { url } = at('/json?cors=x-request-id', await elsewhere());
    const ctx = { propagate: { 'x-request-id': '7' } };
    expect(await lastValueFrom(fetchJson(ctx, url))).to.deep.equal(alice);
  });

  describe('through a service worker', () => {
    registerServiceWorker();

    it('emits the answer of the worker and of the server', async () => {
      await inFrame(async (fetch) => {
        expect(await lastValueFrom(fetchText({ fetch }, at('/frame/name').url))).to.equal('the worker');
        expect(await lastValueFrom(fetchJson({ fetch }, at('/json').url))).to.deep.equal(alice);
      });
    });
  });
});
