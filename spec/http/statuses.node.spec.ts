import { expect } from 'chai';
import { fetchJson, fetchText, HttpError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, reply, serve } from '../support/servers.ts';
import { describeTransports } from '../support/transports.ts';

describeTransports('a status outside 200–299', ({ ctx }) => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  for (const status of [300, 304, 400, 404, 500, 503, 599]) {
    it(`errors with HttpError: ${String(status)}`, async () => {
      const { url } = await serve(reply('try later', { 'retry-after': '2' }, status));
      const error = await failureOf(
        fetchText(ctx, `${url}/users/42?token=secret#top`, { method: 'delete' }),
        HttpError,
      );
      expect(error.message).to.equal(`HTTP ${String(status)} from DELETE ${url}/users/42`);
      expect(error).to.include({ status, method: 'DELETE', url: `${url}/users/42`, retryAfter: 2_000 });
      expect(error.body).to.equal(status === 304 ? '' : 'try later');
    });
  }

  it('keeps the connection for 100 failures with small bodies', async () => {
    const server = await serve(reply('x'.repeat(1_000), {}, 503));
    for (let count = 0; count < 100; count++) await failureOf(fetchJson(ctx, server.url), HttpError);
    expect(server.requests).to.have.length(100);
    // Two, because a body ends a moment before its connection is free again.
    expect(server.connections).to.be.at.most(2);
  });
});
