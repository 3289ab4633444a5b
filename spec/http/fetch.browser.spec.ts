import { expect } from 'chai';
import { lastValueFrom } from 'rxjs';
import { background, CanceledError, fetchJson, fetchText, HttpError, NetworkError, url } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { announced, at, expectNothingLeft } from '../support/upstream.ts';

describe('fetch, in a page', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();
  expectNothingLeft();

  it('takes a URL that is relative to the page', async () => {
    for (const input of ['/json?relative', url`${''}/json?again`, url`${location.origin}/json?absolute`]) {
      expect(await lastValueFrom(fetchJson(background, input))).to.deep.equal({ name: 'Alice' });
    }
  });

  for (const path of ['/slow', '/drip']) {
    const when = path === '/slow' ? 'before the headers' : 'while the body streams';

    it(`aborts on unsubscribe ${when}, and the server sees it`, async () => {
      const sent = at(path);
      const { fetch, reading } = announced();
      const notified: unknown[] = [];
      const subscription = fetchText({ fetch }, sent.url).subscribe({ error: (error) => notified.push(error) });
      await (path === '/slow' ? sent.asked() : reading);
      subscription.unsubscribe();
      await sent.closed();
      expect(notified).to.deep.equal([]);
    });

    it(`ends with CanceledError on ctx.signal ${when}: its cause is the very reason, and the server sees it`, async () => {
      const sent = at(path);
      const { fetch, reading } = announced();
      const controller = new AbortController();
      const reason = { why: 'the user left' };
      const failure = failureOf(fetchText({ fetch, signal: controller.signal }, sent.url), CanceledError);
      await (path === '/slow' ? sent.asked() : reading);
      controller.abort(reason);
      expect((await failure).cause).to.equal(reason);
      await sent.closed();
    });
  }

  it('is an HttpError for a status outside 200–299', async () => {
    const { url, shown } = at('/500');
    const error = await failureOf(fetchJson(background, url), HttpError);
    expect(error).to.include({ status: 500, method: 'GET', url: shown, body: 'no luck' });
    expect(error.message).to.equal(`HTTP 500 from GET ${shown}`);
  });

  it('is a NetworkError for a connection that is refused', async () => {
    const error = await failureOf(fetchJson(background, 'http://127.0.0.1:1/users?token=secret'), NetworkError);
    expect(error.message).to.equal('no answer from GET http://127.0.0.1:1/users');
    expect(error.cause).to.be.instanceOf(TypeError);
  });
});
