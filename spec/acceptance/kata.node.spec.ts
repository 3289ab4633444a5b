import { expect } from 'chai';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { firstValueFrom } from 'rxjs';
import {
  background,
  type Context,
  DeadlineExceededError,
  HttpError,
  ServiceError,
  silent,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { orderService, profileService, UserAggregator } from '../../lib/user-aggregator.ts';

/** A service on loopback that tells, for each request, when its connection was closed before it had answered. */
interface Upstream {
  readonly url: string;
  readonly asked: Promise<unknown>;
  /** Resolves when the client's connection closes without an answer. */
  readonly left: Promise<void>;
  stop(): void;
}

async function upstream(answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<Upstream> {
  const server: Server = createServer(answer);
  const asked = once(server, 'request');
  const left = new Promise<void>((resolve) => {
    server.on('request', (_req, res: ServerResponse) => {
      res.on('close', () => {
        if (!res.writableEnded) resolve();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    asked,
    left,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const json = (body: unknown) => (_req: IncomingMessage, res: ServerResponse) => {
  res.setHeader('content-type', 'application/json').end(JSON.stringify(body));
};
/** Ten seconds, as far as the story goes: only the client can end it. */
const never = (): void => undefined;

describe('the User Dashboard Backend, over real sockets', () => {
  let open: Upstream[] = [];
  const start = async (answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<Upstream> => {
    const started = await upstream(answer);
    open.push(started);
    return started;
  };
  afterEach(() => {
    for (const { stop } of open) stop();
    open = [];
  });

  const dashboard = (profile: Upstream, orders: Upstream, ms: number) => {
    const users = new UserAggregator(
      { profile: profileService(profile.url), orders: orderService(orders.url) },
      withTimeout(ms),
      withLogger(silent),
    );
    return (ctx: Context) => users.aggregate(ctx, 42);
  };
  const failure = async (answer: Promise<unknown>): Promise<unknown> =>
    answer.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('greets Alice with her five orders', async () => {
    const [profile, orders] = await Promise.all([start(json({ name: 'Alice' })), start(json({ orders: 5 }))]);
    const answer = await firstValueFrom(dashboard(profile, orders, 10_000)(background));
    expect(answer).to.equal('User: Alice | Orders: 5');
  });

  it('Slow Poke: the deadline closes the connection of the slow service', async () => {
    const [profile, orders] = await Promise.all([start(json({ name: 'Alice' })), start(never)]);
    const error = await failure(firstValueFrom(dashboard(profile, orders, 1_000)(background)));
    expect(error)
      .to.be.instanceOf(DeadlineExceededError)
      .and.deep.include({ pending: ['orders'] });
    expect((error as Error).message).to.match(/^context deadline exceeded/);
    await orders.left;
  });

  it('Domino Effect: a failed profile closes the connection of the orders, which never answer', async () => {
    const orders = await start(never);
    const profile = await start((_req, res) => {
      // Fails once the orders have been asked, so that there is a connection to close.
      void orders.asked.then(() => res.writeHead(500).end('no luck'));
    });
    const error = await failure(firstValueFrom(dashboard(profile, orders, 10_000)(background)));
    expect(error).to.be.instanceOf(ServiceError).and.have.property('service', 'profile');
    expect((error as ServiceError).cause)
      .to.be.instanceOf(HttpError)
      .and.include({ status: 500, body: 'no luck' });
    expect((error as ServiceError).message).to.equal(`profile: HTTP 500 from GET ${profile.url}/profiles/42`);
    await orders.left;
  });

  it('is not delayed by an error handler that blocks: the connection has been let go before it is called', async () => {
    const orders = await start(never);
    const profile = await start((_req, res) => {
      void orders.asked.then(() => res.writeHead(500).end());
    });
    let aborted: boolean | undefined;
    let seen: AbortSignal | undefined;
    const watching = (url: URL, init: RequestInit): Promise<Response> => {
      if (url.pathname === '/orders/42') seen = init.signal ?? undefined;
      return fetch(url, init);
    };
    await new Promise<void>((resolve) => {
      dashboard(
        profile,
        orders,
        10_000,
      )({ fetch: watching }).subscribe({
        error: () => {
          aborted = seen?.aborted;
          resolve();
        },
      });
    });
    expect(aborted).to.equal(true);
    await orders.left;
  });

  it('lets both connections go when the caller leaves', async () => {
    const [profile, orders] = await Promise.all([start(never), start(never)]);
    const subscription = dashboard(profile, orders, 10_000)(background).subscribe();
    await Promise.all([profile.asked, orders.asked]);
    subscription.unsubscribe();
    await Promise.all([profile.left, orders.left]);
  });

  it('lets both connections go when the caller`s signal aborts', async () => {
    const [profile, orders] = await Promise.all([start(never), start(never)]);
    const controller = new AbortController();
    const answer = failure(firstValueFrom(dashboard(profile, orders, 10_000)({ signal: controller.signal })));
    await Promise.all([profile.asked, orders.asked]);
    controller.abort('bye');
    expect(await answer).to.have.property('cause', 'bye');
    await Promise.all([profile.left, orders.left]);
  });
});
