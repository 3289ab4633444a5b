import { expect } from 'chai';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request as send, type RequestListener, type ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expectTypeOf } from 'expect-type';
import { lastValueFrom, NEVER, of, Subject, take } from 'rxjs';
import { aggregate, CanceledError } from '../../lib/index.ts';
import { ClientDisconnectedError, contextOf, type NodeRequest, type NodeResponse } from '../../lib/server/index.ts';
import { problemOf, type ServerContext } from '../../lib/server/index.ts';
import { closeServers, type Loopback, serve } from '../support/servers.ts';
import { countingController } from '../support/signals.ts';
import { nextTask } from '../support/tasks.ts';

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly ctx: ServerContext;
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: api.test\r\n\r\n`;

/** Starts a server, and collects the exchanges that it receives. */
async function start(
  handle: (exchange: Exchange) => void = () => undefined,
  signal?: AbortSignal,
): Promise<Loopback & { readonly received: (count: number) => Promise<readonly Exchange[]> }> {
  const exchanges: Exchange[] = [];
  const arrived = new Subject<number>();
  const server = await serve((request, response) => {
    const exchange = {
      request,
      response,
      ctx: contextOf(request, response, { signal, propagate: ['x-id', 'cookie'] }),
    };
    exchanges.push(exchange);
    handle(exchange);
    arrived.next(exchanges.length);
  });
  const received = async (count: number): Promise<readonly Exchange[]> => {
    if (exchanges.length < count) await lastValueFrom(arrived.pipe(take(count - exchanges.length)));
    return exchanges;
  };
  return Object.assign(server, { received });
}

function open(server: Loopback): Socket {
  return connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined);
}

/** Resolves when the signal has aborted. */
async function aborted({ signal }: ServerContext): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason;
}

/** The number of listeners for which a leak would show. */
function listenersOf({ request, response }: Pick<Exchange, 'request' | 'response'>): number {
  const emitters = [request, response, request.socket];
  const events = ['close', 'finish', 'error', 'aborted', 'end'];
  return emitters.flatMap((emitter) => events.map((event) => emitter.listenerCount(event))).reduce((a, b) => a + b);
}

describe('contextOf: a request and a response of Node', () => {
  afterEach(closeServers);

  it('aborts when the client closes its connection, with a reason that says so', async () => {
    const server = await start();
    const client = open(server);
    client.write(get('/'));
    const [exchange] = await server.received(1);
    const canceled = lastValueFrom(aggregate({ profile: () => NEVER })(exchange!.ctx)).catch((error: unknown) => error);
    client.destroy();
    expect(await aborted(exchange!.ctx)).to.be.instanceOf(ClientDisconnectedError);
    const error = (await canceled) as CanceledError;
    expect(error).to.be.instanceOf(CanceledError).with.property('cause', exchange!.ctx.signal.reason);
    expect(problemOf(error).status).to.equal(499);
  });

  it('aborts for a reset, for a client that leaves after its body, and within the response', async () => {
    const body = 'POST / HTTP/1.1\r\nhost: api.test\r\ncontent-length: 2\r\n\r\nhi';
    for (const [bytes, handle, leave] of [
      [get('/'), () => undefined, (client: Socket) => client.resetAndDestroy()],
      [body, ({ request }: Exchange) => request.resume(), (client: Socket) => client.destroy()],
      [body.slice(0, -1), ({ request }: Exchange) => request.resume(), (client: Socket) => client.destroy()],
      [get('/'), ({ response }: Exchange) => response.write('half'), (client: Socket) => client.destroy()],
    ] as const) {
      const server = await start(handle);
      const client = open(server);
      client.write(bytes);
      const [exchange] = await server.received(1);
      leave(client);
      expect(await aborted(exchange!.ctx)).to.be.instanceOf(ClientDisconnectedError);
    }
  });

  it('does not abort for a request that was answered', async () => {
    const server = await start(({ response }) => response.end('ok'));
    await (await fetch(server.url)).text();
    const [exchange] = await server.received(1);
    await server.close();
    await nextTask();
    expect(exchange!.ctx.signal.aborted).to.equal(false);
  });

  it('does not abort for a client that leaves while it receives a response that has ended', async () => {
    const server = await start(({ response }) => response.end(Buffer.alloc(20_000_000)));
    const client = open(server);
    client.write(get('/'));
    const [exchange] = await server.received(1);
    client.destroy();
    await once(exchange!.response, 'close');
    expect(exchange!.ctx.signal.aborted).to.equal(false);
  });

  it('aborts at once where the socket has been destroyed before', async () => {
    const seen: ServerContext[] = [];
    const late: Exchange[] = [];
    const server = await serve((request, response) => {
      request.socket.destroy();
      const before = listenersOf({ request, response });
      seen.push(contextOf(request, response));
      expect(listenersOf({ request, response })).to.equal(before);
      response.on('close', () => {
        late.push({ request, response, ctx: contextOf(request, response) });
      });
    });
    await fetch(server.url).catch(() => undefined);
    for (const ctx of [...seen, late[0]!.ctx]) {
      expect(ctx.signal.reason).to.be.instanceOf(ClientDisconnectedError);
    }
    const answered = await start(({ response }) => response.end('ok'));
    await (await fetch(answered.url)).text();
    const [exchange] = await answered.received(1);
    if (!exchange!.response.closed) await once(exchange!.response, 'close');
    expect(contextOf(exchange!.request, exchange!.response).signal.aborted).to.equal(false);
  });

  it('aborts for each request of a pipeline', async () => {
    const server = await start(({ request }) => request.resume());
    const client = open(server);
    client.write(get('/1') + get('/2') + 'POST /3 HTTP/1.1\r\nhost: api.test\r\ncontent-length: 2\r\n\r\nhi');
    const exchanges = await server.received(3);
    const { socket } = exchanges[0]!.request;
    const before = socket.listenerCount('close');
    client.destroy();
    for (const { ctx } of exchanges) expect(await aborted(ctx)).to.be.instanceOf(ClientDisconnectedError);
    expect(socket.listenerCount('close')).to.equal(before - 1); // one for the two requests that waited
  });

  it('has aborted for a request that waits in a pipeline whose client has left before', async () => {
    const received: Pick<Exchange, 'request' | 'response'>[] = [];
    const arrived = new Subject<void>();
    const server = await serve((request, response) => {
      received.push({ request, response });
      if (received.length === 2) arrived.next();
    });
    const client = open(server);
    client.write(get('/1') + get('/2'));
    await lastValueFrom(arrived.pipe(take(1)));
    const [first, second] = received;
    client.destroy();
    await once(first!.response, 'close');
    for (const { request, response } of [first!, second!]) {
      expect(contextOf(request, response).signal.reason).to.be.instanceOf(ClientDisconnectedError);
    }
  });

  it('adds one listener to the socket for all requests that wait in a pipeline: a client cannot cause a warning', async () => {
    const counts: number[] = [];
    const server = await start(({ request }) => counts.push(request.socket.listenerCount('close')));
    const client = open(server);
    client.write(Array.from({ length: 20 }, (_, index) => get(`/${String(index)}`)).join(''));
    const exchanges = await server.received(20);
    expect(Math.max(...counts) - counts[0]!).to.equal(1);
    const [answered, waiting] = [exchanges.slice(0, 10), exchanges.slice(10)];
    for (const { response } of answered) response.end('ok');
    await once(answered[9]!.response, 'close');
    client.destroy();
    for (const { ctx } of waiting) expect(await aborted(ctx)).to.be.instanceOf(ClientDisconnectedError);
    expect(answered.some(({ ctx }) => ctx.signal.aborted)).to.equal(false);
    expect(exchanges[0]!.request.socket.listenerCount('close')).to.be.at.most(counts[0]!);
  });

  it('does not abort the answered requests of a pipeline', async () => {
    const server = await start();
    const client = open(server);
    client.write(get('/1') + get('/2'));
    const [first, second] = await server.received(2);
    second!.response.end('2');
    first!.response.end('1');
    await once(second!.response, 'close');
    client.destroy();
    await nextTask();
    expect([first!.ctx.signal.aborted, second!.ctx.signal.aborted]).to.deep.equal([false, false]);
  });

  it('aborts with the reason of the shutdown', async () => {
    const shutdown = countingController();
    const server = await start(undefined, shutdown.signal);
    const client = open(server);
    client.write(get('/'));
    const [exchange] = await server.received(1);
    shutdown.abort('shutdown');
    expect(exchange!.ctx.signal.reason).to.equal('shutdown');
    client.destroy();
    await once(exchange!.response, 'close');
    expect(exchange!.ctx.signal.reason).to.equal('shutdown');
    expect(shutdown.listeners()).to.equal(0);
  });

  it('leaves no listener after 1,000 requests on one connection and one shutdown signal', async function () {
    this.timeout(60_000);
    const shutdown = countingController();
    const counts = new Set<string>();
    const page = aggregate({ profile: () => of('Alice') });
    const server = await serve((request, response) => {
      const before = listenersOf({ request, response });
      const ctx = contextOf(request, response, { signal: shutdown.signal });
      expect(ctx.signal.aborted).to.equal(false);
      page({ ...ctx }).subscribe((user) => response.end(JSON.stringify(user)));
      response.on('close', () => {
        const left = listenersOf({ request, response }) - before;
        counts.add(`${String(left)} ${String(shutdown.listeners())} ${String(request.socket.listenerCount('close'))}`);
      });
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let count = 0; count < 1_000; count++) {
      const [response] = (await once(send(server.url, { agent }).end(), 'response')) as [IncomingMessage];
      await once(response.resume(), 'end');
    }
    agent.destroy();
    expect(server.connections).to.equal(1);
    // The listener of this spec, on `close`, has been called and may still be there.
    expect(
      [...counts].every((count) => /^[01] 0 \d$/.test(count)),
      [...counts].join(),
    ).to.equal(true);
    expect(counts.size).to.be.at.most(2);
  });

  it('has removed its listeners when the response emits finish, before close', async () => {
    const shutdown = countingController();
    const left: number[] = [];
    const server = await serve((request, response) => {
      const before = listenersOf({ request, response });
      contextOf(request, response, { signal: shutdown.signal });
      left.push(listenersOf({ request, response }) - before, shutdown.listeners());
      response.on('finish', () => {
        left.push(listenersOf({ request, response }) - before, shutdown.listeners());
      });
      response.end('ok');
    });
    await (await fetch(server.url)).text();
    expect(left).to.deep.equal([2, 1, 1, 0]); // at the end, the listener of this spec
  });

  it('reads the headers of Node', async () => {
    const server = await start(({ response }) => response.end('ok'));
    const client = open(server);
    client.write(
      'GET / HTTP/1.1\r\nhost: a\r\nX-ID: 1\r\nx-id: 2\r\nCookie: a=1\r\ncookie: b=2\r\ngrpc-timeout: 1S\r\n\r\n',
    );
    const [exchange] = await server.received(1);
    expect(exchange!.ctx.propagate).to.deep.equal({ 'x-id': '1, 2', cookie: 'a=1; b=2' });
    expect(exchange!.ctx.deadline! - Date.now()).to.be.within(1, 1_000);
    const { response } = exchange!;
    const arrays = { 'x-id': ['1', '2'], cookie: ['a=1', 'b=2'], 'x-none': undefined, 'grpc-timeout': ['0S', '1S'] };
    const budget = contextOf({ headers: { 'x-budget': '0' } }, response, { deadlineHeaders: ['X-Budget'] });
    expect(budget.deadline).to.be.at.most(Date.now());
    const ctx = contextOf({ headers: arrays }, response, {
      propagate: [...Object.keys(arrays), '__proto__', 'valueOf'],
    });
    expect(ctx.propagate).to.deep.equal({ 'x-id': '1, 2', cookie: 'a=1; b=2', 'grpc-timeout': '0S, 1S' });
    expect(ctx).not.to.have.property('deadline');
    client.destroy();
  });

  it('takes the types of Node', () => {
    expectTypeOf<IncomingMessage>().toExtend<NodeRequest>();
    expectTypeOf<ServerResponse>().toExtend<NodeResponse>();
    type Listener = RequestListener;
    expectTypeOf<Parameters<Listener>[1]>().toExtend<NodeResponse>();
  });
});

describe('contextOf: a request and a response of HTTP/2', () => {
  let close: () => void;
  afterEach(() => {
    close();
  });

  /** Starts a server and a client, and sends one request. */
  const exchange = async (
    handle: (response: NodeResponse & { end(body: string): void; write(body: string): void }) => void,
    method = 'GET',
  ) => {
    const shutdown = countingController();
    const server = createHttp2Server();
    const first = new Promise<ServerContext>((resolve) => {
      server.on('request', (request, response) => {
        const ctx = contextOf(request, response, { signal: shutdown.signal, propagate: ['x-id'] });
        handle(response);
        resolve(ctx);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const session = connectHttp2(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
    session.on('error', () => undefined);
    close = () => {
      session.destroy();
      server.close();
    };
    const stream = session.request({ ':path': '/', ':method': method, 'x-id': '1', 'grpc-timeout': '1S' });
    stream.on('error', () => undefined);
    return { shutdown, session, stream, ctx: await first };
  };

  for (const [title, leave] of [
    [
      'cancels its stream',
      ({ stream }) => {
        stream.close(8);
      },
    ],
    [
      'closes its connection',
      ({ session }) => {
        session.destroy();
      },
    ],
  ] satisfies [string, (client: Awaited<ReturnType<typeof exchange>>) => void][]) {
    it(`aborts when the client ${title}`, async () => {
      for (const handle of [
        () => undefined,
        (response: { write(body: string): void }) => {
          response.write('half');
        },
      ]) {
        const client = await exchange(handle);
        expect(client.ctx.propagate).to.deep.equal({ 'x-id': '1' });
        expect(client.ctx.deadline).to.be.a('number');
        expect([client.ctx.signal.aborted, client.shutdown.listeners()]).to.deep.equal([false, 1]);
        leave(client);
        expect(await aborted(client.ctx)).to.be.instanceOf(ClientDisconnectedError);
        expect(client.shutdown.listeners()).to.equal(0);
        close();
      }
    });
  }

  it('does not abort for a request that was answered', async () => {
    for (const method of ['GET', 'HEAD']) {
      const { ctx, stream, session, shutdown } = await exchange((response) => {
        response.end('ok');
      }, method);
      await once(stream.resume(), 'close');
      session.destroy();
      await nextTask();
      expect([ctx.signal.aborted, shutdown.listeners()]).to.deep.equal([false, 0]);
      close();
    }
  });

  it('has aborted where the stream has been closed before', async () => {
    let late: ServerContext | undefined;
    const { stream, ctx } = await exchange((response) => {
      const { req } = response as unknown as { req: NodeRequest };
      response.on('close', () => (late = contextOf(req, response)));
    });
    stream.close(8);
    await aborted(ctx);
    await nextTask();
    expect(late?.signal.reason).to.be.instanceOf(ClientDisconnectedError);
  });
});
