import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { silent, withLogger, withTimeout } from 'forkfast';
import { closeServers } from '../../../spec/support/servers.ts';
import { createDashboard } from '../dashboard.ts';
import { listen as express } from '../server/express.ts';
import { listen as fastify } from '../server/fastify.ts';
import { listen as hono } from '../server/hono.ts';
import { listen as nest } from '../server/nest.ts';
import { listen as nodeHttp } from '../server/node-http.ts';
import { startUpstream, type Upstream } from './support/upstream.ts';

for (const [name, listen] of Object.entries({ 'node:http': nodeHttp, express, fastify, hono, nest })) {
  describe(`recipe: ${name}`, () => {
    let upstream: Upstream;
    let server: Server;

    /** What asks the recipe for a user. */
    const start = async (timeout = Infinity): Promise<(id: string, signal?: AbortSignal) => Promise<Response>> => {
      upstream = await startUpstream();
      server = await listen(createDashboard(upstream.url, withTimeout(timeout), withLogger(silent)), 0);
      const { port } = server.address() as AddressInfo;
      return (id, signal) => fetch(`http://127.0.0.1:${String(port)}/users/${id}`, signal ? { signal } : {});
    };
    const problem = async (response: Response): Promise<unknown> => {
      expect(response.headers.get('content-type')).to.match(/^application\/problem\+json/);
      expect(await response.json()).to.have.property('status', response.status);
      return response.status;
    };
    afterEach(async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await Promise.all([closed, closeServers()]);
    });

    it('answers', async () => {
      const ask = await start();
      const response = await ask('42');
      expect(response.status).to.equal(200);
      expect(await response.json()).to.deep.equal({ profile: { name: 'Alice' }, orders: { orders: 5 } });
    });

    it('closes what it asked when the client disconnects in the middle, and serves on', async () => {
      const ask = await start();
      const client = new AbortController();
      const answer = ask('slow', client.signal).catch((error: unknown) => error);
      await upstream.saw('asked /profiles/slow', 'asked /orders/slow');
      client.abort();
      await upstream.saw('abandoned /profiles/slow', 'abandoned /orders/slow');
      expect(await answer).to.have.property('name', 'AbortError');
      expect((await ask('42')).status).to.equal(200);
    });

    it('answers 502 as soon as a service fails, and closes the rest', async () => {
      const ask = await start();
      expect(await problem(await ask('broken'))).to.equal(502);
      await upstream.saw('abandoned /orders/broken');
    });

    it('answers 504 when the deadline passes, and closes all', async () => {
      const ask = await start(100);
      expect(await problem(await ask('slow'))).to.equal(504);
      await upstream.saw('abandoned /profiles/slow', 'abandoned /orders/slow');
    });
  });
}
