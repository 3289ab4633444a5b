import { expect } from 'chai';
import { defer, type Observable, of } from 'rxjs';
import { aggregate, type Context, fetchJson, type Service, silent, withLogger } from '../../lib/index.ts';
import { undiciFetch } from '../../lib/http/undici/index.ts';
import { expectNoLeaks } from '../../lib/testing/index.ts';
import { closeServers, serve } from '../support/servers.ts';

describe('expectNoLeaks, on the wire', function () {
  this.timeout(20_000);
  afterEach(closeServers);

  it('finds nothing in a service that is clean, and asks it really', async () => {
    const { url, requests } = await serve(({ url: path }, response) => {
      response.writeHead(path === '/down' ? 503 : 200).end('{"name":"Alice"}');
    });
    const ask = (path: string): Service<void, unknown> =>
      aggregate({ profile: (ctx) => fetchJson(ctx, url + path) }, withLogger(silent));
    await expectNoLeaks(ask('/profile'), { fails: ask('/down') });
    expect(new Set(requests)).to.deep.equal(new Set(['GET /profile', 'GET /down']));
  });

  it('finds a body that nobody reads, over either transport', async () => {
    const { url } = await serve((_request, response) => {
      response.end('{"name":"Alice"}');
    });
    await using undici = undiciFetch();
    for (const transport of [fetch, undici]) {
      const unread = (ctx: Context): Observable<string> =>
        defer(async () => {
          await ctx.fetch!(new URL(url), { signal: ctx.signal ?? null });
          return 'Alice';
        });
      const told = await expectNoLeaks(unread, { fetch: transport, fails: false }).then(String, String);
      expect(told).to.contain(`the body of GET ${url}/, unread`);
    }
  });

  it('refuses a time that no timer can wait', async () => {
    for (const within of [0, NaN, Infinity, 2 ** 31]) {
      const told = await expectNoLeaks(() => of(1), { within }).then(String, String);
      expect(told).to.contain('RangeError: expectNoLeaks: within: expected at least 1 and below 2^31');
    }
  });
});
