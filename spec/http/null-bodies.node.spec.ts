import { expect } from 'chai';
import { gzipSync } from 'node:zlib';
import { undiciFetch } from '../../lib/http/undici/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, drip, reply, serve, serveRaw } from '../support/servers.ts';
import { outcomeOf } from '../support/transports.ts';

describe('undiciFetch reads the same body as the global fetch', function () {
  this.timeout(60_000);
  expectNoUnhandledRejections();
  afterEach(closeServers);

  const undici = undiciFetch();
  after(() => undici.close());

  const zipped = gzipSync('hello').toString('latin1');
  const interim = ['', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'];
  const encodings = [
    ['', 'hello'],
    ['content-encoding: GZip\r\n', zipped],
    ['content-encoding: gzip, identity\r\n', zipped],
    ['content-encoding: gzip\r\ncontent-encoding: identity\r\n', zipped],
    ['content-encoding: \r\n', 'hello'],
  ] as const;
  for (const status of [200, 201, 204, 205, 206, 299, 304, 404, 599, 600, 999]) {
    it(`of a response with ${String(status)}`, async () => {
      for (const [header, body] of encodings) {
        for (const before of interim) {
          for (const method of ['GET', 'HEAD']) {
            const head = `${before}HTTP/1.1 ${String(status)} X\r\n${header}content-length: ${String(body.length)}\r\n\r\n`;
            const { url } = await serveRaw((socket) => {
              socket.end(Buffer.from(method === 'HEAD' ? head : head + body, 'latin1'));
            });
            const expected = await outcomeOf(globalThis.fetch(url, { method }));
            expect(await outcomeOf(undici(new URL(url), { method })), method + head).to.deep.equal(expected);
          }
        }
      }
    });
  }

  it('closes the connection of a 205 with a body that does not end, and keeps it without a body', async () => {
    const dripping = await serve(drip({}, 205));
    expect(await outcomeOf(undici(new URL(dripping.url), {}))).to.deep.equal([205, '']);
    await dripping.closed;
    const empty = await serve(reply('', {}, 204));
    for (let count = 0; count < 10; count++) await outcomeOf(undici(new URL(empty.url), {}));
    expect(empty.connections).to.be.at.most(2);
  });
});
