import { expect } from 'chai';
import { defer, type Observable } from 'rxjs';
import { aggregate, type Context, fetchJson, type Service } from '../../lib/index.ts';
import { undiciFetch } from '../../lib/http/undici/index.ts';
import { expectNoLeaks } from '../../lib/testing/index.ts';
import { closeServers, serve } from '../support/servers.ts';

describe('expectNoLeaks, on the wire', function () {
  this.timeout(20_000);
  afterEach(closeServers);

  it('finds no leak in a service that sends real requests', async () => {
    const { url, requests } = await serve(({ url: path }, response) => {
      response.writeHead(path === '/down' ? 503 : 200).end('{"name":"Alice"}');
    });
    const dashboard = (path: string): Service<void, unknown> =>
      aggregate({ profile: (ctx) => fetchJson(ctx, url + path) });
    await expectNoLeaks(dashboard('/profile'), { fails: dashboard('/down') });
    expect(new Set(requests)).to.deep.equal(new Set(['GET /profile', 'GET /down']));
  });

  it('finds an unread body over both transports', async () => {
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
      const outcome = await expectNoLeaks(unread, { fetch: transport, fails: false }).then(String, String);
      expect(outcome).to.contain(`the unread body of GET ${url}/, and its connection`);
    }
  });
});
