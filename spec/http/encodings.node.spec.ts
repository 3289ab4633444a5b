import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { lastValueFrom } from 'rxjs';
import { fetchText, NetworkError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, drip, reply, serve } from '../support/servers.ts';
import { describeTransports, transports } from '../support/transports.ts';

const text = JSON.stringify({ name: 'Alice', padding: 'x'.repeat(300_000) });
const encodings: [encoding: string, bytes: Buffer][] = [
  ['gzip', gzipSync(text)],
  ['x-gzip', gzipSync(text)],
  ['GZIP', gzipSync(text)],
  ['deflate', deflateSync(text)],
  ['deflate', deflateRawSync(text)],
  ['br', brotliCompressSync(text)],
  ['deflate, gzip', gzipSync(deflateSync(text))],
  ['identity, gzip', gzipSync(text)],
  ['unknown', Buffer.from(text)],
];

describe('content encodings, over both transports', () => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  for (const { name, ctx } of transports) {
    it(`close the connection when the server sends more after the end of the data, over ${name}`, async () => {
      const bytes = Buffer.concat([gzipSync('{"name":"Alice"}'), Buffer.alloc(1)]);
      const server = await serve(drip({ 'content-encoding': 'gzip' }, 200, bytes));
      expect(await lastValueFrom(fetchText(ctx, server.url))).to.equal('{"name":"Alice"}');
      await server.closed;
    });
  }

  /** The text or the error message, which is the same over both transports. */
  const outcomeOf = async (encoding: string, bytes: Uint8Array): Promise<string | undefined> => {
    const { url } = await serve(reply(bytes, { 'content-encoding': encoding }));
    const outcomes = transports.map(({ ctx }) =>
      lastValueFrom(fetchText(ctx, url)).catch((error: unknown) => (error as Error).message),
    );
    const [platform, undici] = await Promise.all(outcomes);
    expect(undici).to.equal(platform);
    return undici;
  };

  for (const [encoding, bytes] of encodings) {
    if (/unknown|identity/.test(encoding)) {
      it(`leaves a body as fetch does: ${encoding}`, () => outcomeOf(encoding, bytes));
    } else {
      it(`decodes a body as fetch does: ${encoding}, ${String(bytes.byteLength)} bytes`, async () => {
        expect(await outcomeOf(encoding, bytes)).to.equal(text);
      });
    }
  }

  it('decodes what arrived of a body that is cut short, as fetch does', async () => {
    for (const [encoding, bytes] of encodings.filter(([encoding]) => /^(?:gzip|deflate|br)$/.test(encoding))) {
      expect(await outcomeOf(encoding, bytes.subarray(0, -9))).to.match(/^\{"name":"/);
    }
  });
});

describeTransports('a content encoding', ({ ctx }) => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  const large = randomBytes(2 ** 20).toString('base64');
  const fiveTimes = Array.from({ length: 5 }).reduce<Buffer>((inner) => gzipSync(inner), Buffer.from('Alice'));
  for (const [title, encoding, bytes, decoded] of [
    ['an empty body', 'gzip', '', ''],
    ['a body that is larger than the buffers of a decoder', 'gzip', gzipSync(large), large],
    ['a body that is encoded five times', 'gzip,gzip,gzip,gzip,gzip', fiveTimes, 'Alice'],
  ] as const) {
    it(`decodes ${title}`, async () => {
      const { url } = await serve(reply(bytes, { 'content-encoding': encoding }));
      expect(await lastValueFrom(fetchText(ctx, url))).to.equal(decoded);
    });
  }

  it('errors with NetworkError, and closes the socket, when the bytes are not encoded', async () => {
    const server = await serve(drip({ 'content-encoding': 'gzip' }, 200, 'no gzip'));
    const error = await failureOf(fetchText(ctx, server.url), NetworkError);
    expect(error.message).to.match(/^a body cut short \(Z_DATA_ERROR\)/);
    await server.closed;
  });

  it('errors with NetworkError when the connection breaks', async () => {
    const { url } = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 9_999 });
      response.write(gzipSync(text).subarray(0, 100), () => response.destroy());
    });
    const error = await failureOf(fetchText(ctx, url), NetworkError);
    expect(error.message).to.match(/^a body cut short \((ECONNRESET|UND_ERR_SOCKET)\)/);
  });
});
