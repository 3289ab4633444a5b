import { expect } from 'chai';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { lastValueFrom } from 'rxjs';
import { BodyTooLargeError, fetchText } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, drip, reply, serve } from '../support/servers.ts';
import { describeTransports } from '../support/transports.ts';

describeTransports('maxBytes', ({ ctx }) => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  it('accepts a body of exactly as many bytes, and rejects one more', async () => {
    const { url } = await serve(reply('ää'));
    for (const maxBytes of [4, Infinity]) {
      expect(await lastValueFrom(fetchText(ctx, url, { maxBytes }))).to.equal('ää');
    }
    const error = await failureOf(fetchText(ctx, `${url}/x?token=secret`, { maxBytes: 3 }), BodyTooLargeError);
    expect(error.message).to.equal(`more than 3 bytes from GET ${url}/x`);
    expect(error).to.include({ maxBytes: 3, method: 'GET', url: `${url}/x` });
  });

  it('counts after decoding: a gzip of few bytes may be too large', async () => {
    const bomb = gzipSync(Buffer.alloc(2 ** 20));
    const { url } = await serve(reply(bomb, { 'content-encoding': 'gzip' }));
    expect(bomb.byteLength).to.be.lessThan(2_000);
    await failureOf(fetchText(ctx, url, { maxBytes: 2_000 }), BodyTooLargeError);
    expect(await lastValueFrom(fetchText(ctx, url, { maxBytes: 2 ** 20 }))).to.have.length(2 ** 20);
  });

  it('stops a Brotli bomb while it arrives, and closes the socket', async () => {
    const bomb = brotliCompressSync(Buffer.alloc(2 ** 25), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
    const server = await serve(drip({ 'content-encoding': 'br' }, 200, bomb));
    await failureOf(fetchText(ctx, server.url, { maxBytes: 2 ** 20 }), BodyTooLargeError);
    await server.closed;
  });
});
