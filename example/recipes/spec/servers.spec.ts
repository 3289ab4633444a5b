import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { withLogger, withTimeout } from 'forkfast';
import { winstonLogger } from 'forkfast/winston';
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
    let log: PassThrough;

    /** Returns a client of the recipe. */
    const start = async (timeout = Infinity): Promise<(id: string, signal?: AbortSignal) => Promise<Response>> => {
      upstream = await startUpstream();
      log = new PassThrough();
      const logger = winstonLogger({ level: 'error', stream: log });
      server = await listen(createDashboard(upstream.url, withTimeout(timeout), withLogger(logger)), 0);
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

    it('responds with the answer', async () => {
      const get = await start();
      const response = await get('42');
      expect(response.status).to.equal(200);
      expect(await response.json()).to.deep.equal({ profile: { name: 'Alice' }, orders: { orders: 5 } });
    });

    it('cancels the run when the client disconnects, and keeps serving', async () => {
      const get = await start();
      const client = new AbortController();
      const answer = get('slow', client.signal).catch((error: unknown) => error);
      await upstream.received('opened /profiles/slow', 'opened /orders/slow');
      client.abort();
      await upstream.received('abandoned /profiles/slow', 'abandoned /orders/slow');
      expect(await answer).to.have.property('name', 'AbortError');
      expect((await get('42')).status).to.equal(200);
    });

    it('responds with 502 when a service fails, cancels the other service, and logs the failure', async () => {
      const get = await start();
      expect(await problem(await get('broken'))).to.equal(502);
      await upstream.received('abandoned /orders/broken');
      const line = JSON.parse(String(log.read())) as Record<string, unknown>;
      expect(line).to.include({ level: 'error', message: 'run failed', service: 'profile' });
    });

    it('responds with 504 without a request upstream when the client leaves no time', async () => {
      await start();
      const { port } = server.address() as AddressInfo;
      const headers = { 'grpc-timeout': '0S' };
      expect(await problem(await fetch(`http://127.0.0.1:${String(port)}/users/42`, { headers }))).to.equal(504);
    });

    it('responds with 504 when the deadline passes, and cancels both services', async () => {
      const get = await start(100);
      expect(await problem(await get('slow'))).to.equal(504);
      await upstream.received('abandoned /profiles/slow', 'abandoned /orders/slow');
    });
  });
}
