import { expect } from 'chai';
import { defer, first, lastValueFrom, map, repeat, throwIfEmpty } from 'rxjs';
import { background, CanceledError, fetchJson, fetchText, HttpError, NetworkError, url } from '../lib/index.ts';
import { failureOf } from './support/failure.ts';
import { expectNoUnhandledRejections } from './support/rejections.ts';

/** Against the server of the page (scripts/browser-test.mjs), by URLs that are distinct: those of one URL wait for each other. */
describe('fetch, in a page', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();

  let distinct = 0;
  const at = (path: string): string => `${path}?${String(++distinct)}`;

  /** How many clients have left a request of the server unanswered. */
  const gone = defer(() => fetchText(background, at('/aborted'), { cache: 'no-store' })).pipe(
    map((count) => Number(count)),
  );

  /** Resolves when one more client has left; the server learns of it a moment later. */
  const oneMore = async (before: number): Promise<unknown> =>
    lastValueFrom(
      gone.pipe(
        repeat({ count: 500, delay: 20 }),
        first((count) => count > before, undefined),
        throwIfEmpty(() => new Error('the server did not see the client go')),
      ),
    );

  /** The page's own fetch, which also says when the headers are there. */
  const announced = (): { readonly fetch: typeof fetch; readonly headers: Promise<unknown> } => {
    let announce: (response: Response) => void = () => undefined;
    const headers = new Promise((resolve) => (announce = resolve));
    return {
      headers,
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        announce(response);
        return response;
      },
    };
  };

  it('takes a URL that is relative to the page', async () => {
    expect(await lastValueFrom(fetchJson(background, at('/json')))).to.deep.equal({ name: 'Alice' });
    expect(await lastValueFrom(fetchJson(background, url`${''}/json?${++distinct}`))).to.deep.equal({ name: 'Alice' });
    expect(await lastValueFrom(fetchText(background, url`${location.origin}/json?${++distinct}`))).to.equal(
      '{"name":"Alice"}',
    );
  });

  it('aborts on unsubscribe before the headers, and the server sees it', async () => {
    const before = await lastValueFrom(gone);
    const notified: unknown[] = [];
    const subscription = fetchJson(background, at('/slow')).subscribe({ error: (error) => notified.push(error) });
    await lastValueFrom(gone); // by now the server has the first one too
    subscription.unsubscribe();
    await oneMore(before);
    expect(notified).to.deep.equal([]);
  });

  it('aborts on unsubscribe while the body streams, and the server sees it', async () => {
    const before = await lastValueFrom(gone);
    const notified: unknown[] = [];
    const { fetch, headers } = announced();
    const subscription = fetchText({ fetch }, at('/drip')).subscribe({ error: (error) => notified.push(error) });
    await headers;
    subscription.unsubscribe();
    await oneMore(before);
    expect(notified).to.deep.equal([]);
  });

  it('ends with CanceledError on ctx.signal, before the headers and in the body: its cause is the very reason', async () => {
    for (const path of ['/slow', '/drip']) {
      const before = await lastValueFrom(gone);
      const controller = new AbortController();
      const reason = { why: 'the user left' };
      const { fetch, headers } = announced();
      const sent = path === '/drip' ? headers : lastValueFrom(gone);
      void sent.then(() => {
        controller.abort(reason);
      });
      const error = await failureOf(fetchText({ fetch, signal: controller.signal }, at(path)), CanceledError);
      expect(error.cause).to.equal(reason);
      await oneMore(before);
    }
  });

  it('is an HttpError for a status outside 200–299', async () => {
    const error = await failureOf(fetchJson(background, at('/status/500')), HttpError);
    expect(error).to.include({ status: 500, method: 'GET', url: `${location.origin}/status/500` });
    expect(error.message).to.equal(`HTTP 500 from GET ${location.origin}/status/500`);
  });

  it('is a NetworkError for a connection that is refused', async () => {
    const error = await failureOf(fetchJson(background, 'http://127.0.0.1:1/users?token=secret'), NetworkError);
    expect(error.message).to.equal('no answer from GET http://127.0.0.1:1/users');
    expect(error.cause).to.be.instanceOf(TypeError);
  });
});
