import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { firstValueFrom, ReplaySubject } from 'rxjs';
import { type DrainingServer, serve } from '../worker/server.ts';

const reply: RequestListener = (_request, response) => {
  response.end('page');
};

describe('example: cluster: a server that drains', () => {
  let server: DrainingServer;
  /** One connection at a time, which stays open. */
  let agent: Agent;

  const start = async (handler: RequestListener): Promise<void> => {
    server = await serve(handler, 0);
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  };
  /** Resolves with the `connection` header of the response, and with the connection that it came over. */
  const request = async (
    over = agent,
  ): Promise<{ readonly connection: string | undefined; readonly socket: Socket }> => {
    const [response] = (await once(get(server.url, { agent: over }), 'response')) as [IncomingMessage];
    const { socket, headers } = response;
    response.resume();
    await once(response, 'end');
    return { connection: headers.connection, socket };
  };
  afterEach(() => {
    agent.destroy();
  });

  it('answers the next request on a connection that is idle, and closes it then', async () => {
    await start(reply);
    const { socket } = await request();
    const drained = server.drain(60_000);
    expect(await request()).to.deep.equal({ connection: 'close', socket });
    await drained;
  });

  it('answers the request in flight, and closes its connection', async () => {
    const requests = new ReplaySubject<ServerResponse>(1);
    await start((_request, response) => {
      requests.next(response);
    });
    const answer = request();
    const response = await firstValueFrom(requests);
    const drained = server.drain(60_000);
    response.end('page');
    expect(await answer).to.have.property('connection', 'close');
    await drained;
  });

  it('accepts no connection while it drains', async () => {
    await start(reply);
    await request();
    const drained = server.drain(60_000);
    expect(server.draining).to.equal(true);
    const other = new Agent();
    const error: unknown = await request(other).catch((error: unknown) => error);
    expect(error).to.have.property('code', 'ECONNREFUSED');
    await request();
    await drained;
  });

  it('closes all connections after the grace', async () => {
    const requests = new ReplaySubject<ServerResponse>(1);
    await start((_request, response) => {
      requests.next(response);
    });
    const answer = request().catch((error: unknown) => error);
    await firstValueFrom(requests);
    await server.drain(10);
    expect(await answer).to.have.property('code', 'ECONNRESET');
  });
});
