import { expect } from 'chai';
import { aggregate, fetchJson, type Service, silent, withLogger } from '../../lib/index.ts';
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
});
