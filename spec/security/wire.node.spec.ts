import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { lastValueFrom } from 'rxjs';
import { fetchText, NetworkError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { closeServers, reply, serve } from '../support/servers.ts';
import { text } from '../support/texts.ts';
import { describeTransports } from '../support/transports.ts';

/** Header names are case-insensitive. */
const lowerName = (line: string): string => line.replace(/^[^:]*/, (name) => name.toLowerCase());

describeTransports('security: the wire', function ({ ctx }) {
  this.timeout(60_000);
  afterEach(closeServers);

  describe('the bytes of a request', () => {
    /** The head of each request, as bytes. */
    const requests: string[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      let bytes = '';
      sockets.add(socket.setEncoding('latin1').on('error', () => undefined));
      socket.on('data', (chunk: string) => {
        bytes += chunk;
        for (let end = bytes.indexOf('\r\n\r\n'); end >= 0; end = bytes.indexOf('\r\n\r\n')) {
          requests.push(bytes.slice(0, end));
          bytes = bytes.slice(end + 4);
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        }
      });
    });
    let origin = '';

    before(async () => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    });
    after(async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    });

    it('have exactly one more line for a header, or there is no request', async () => {
      await lastValueFrom(fetchText(ctx, origin));
      const [bare = ''] = requests.splice(0);
      const name = fc.oneof(fc.stringMatching(/^[0-9A-Za-z._-]{0,8}$/), text);
      const value = fc.oneof(
        text,
        fc.uint8Array({ maxLength: 12 }).map((bytes) => String.fromCharCode(...bytes)),
      );
      await fc.assert(
        fc.asyncProperty(name, value, fc.boolean(), async (end, content, own) => {
          const header = { [`x-${end}`]: content };
          const answer = own
            ? fetchText(ctx, origin, { headers: header })
            : fetchText({ ...ctx, propagate: header }, origin);
          const outcome = await lastValueFrom(answer).catch((error: unknown) => error);
          const lines = requests.splice(0).map((request) => request.split('\r\n'));
          if (outcome instanceof TypeError) {
            expect(lines).to.deep.equal([]);
            return;
          }
          expect(outcome).to.equal('ok');
          const more = lines.map((request) => request.filter((line) => !bare.split('\r\n').includes(line)));
          expect(more.flat().map(lowerName)).to.deep.equal([
            `x-${end.toLowerCase()}: ${content.replace(/^[\t ]+|[\t ]+$/g, '')}`,
          ]);
          expect(lines[0]).to.have.length(bare.split('\r\n').length + 1);
        }),
        { numRuns: 500 },
      );
    });
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`sends no credentials to the target of a ${String(status)}, and never connects to it`, async () => {
      const target = await serve(reply('stolen'));
      const location = `${target.url}/?token=secret`;
      const upstream = await serve(reply('{"token":"secret"}', { location }, status));
      const given = { ...ctx, propagate: { authorization: 'Bearer secret', 'x-api-key': 'secret' } };
      for (const init of [{}, { method: 'POST', body: 'secret', headers: { cookie: 'secret' } }]) {
        const error = await failureOf(fetchText(given, `${upstream.url}/here`, init), NetworkError);
        expect(JSON.stringify(error) + error.message).not.to.include('secret');
        expect(error.message).to.include('a refused redirect');
      }
      expect(upstream.requests).to.have.length(2);
      expect(target.connections).to.equal(0);
    });
  }
});
