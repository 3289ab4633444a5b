import { expect } from 'chai';
import type { RequestListener } from 'node:http';
import { firstValueFrom, type Observable } from 'rxjs';
import {
  background,
  CanceledError,
  type Context,
  DeadlineExceededError,
  HttpError,
  ServiceError,
  withTimeout,
} from '../../lib/index.ts';
import { orderService, profileService, UserAggregator } from '../../lib/user-aggregator.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, type Loopback, serve } from '../support/servers.ts';

describe('the User Dashboard Backend, over real sockets', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();
  afterEach(closeServers);

  const answer =
    (body: unknown): RequestListener =>
    (_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    };
  /** Only the client can end the connection. */
  const never = (): void => undefined;
  /** Fails when the orders have been requested, so that there is a connection to close. */
  const failAfter =
    (orders: Loopback): RequestListener =>
    (_request, response) => {
      void orders.requested.then(() => response.writeHead(500).end('no luck'));
    };
  const dashboard = (profile: Loopback, orders: Loopback, timeout = 10_000): ((ctx: Context) => Observable<string>) => {
    const services = { profile: profileService(profile.url), orders: orderService(orders.url) };
    const users = new UserAggregator(services, withTimeout(timeout));
    return (ctx) => users.aggregate(ctx, 42);
  };

  it('emits Alice and her five orders in one line', async () => {
    const [profile, orders] = [await serve(answer({ name: 'Alice' })), await serve(answer({ orders: 5 }))];
    expect(await firstValueFrom(dashboard(profile, orders)(background))).to.equal('User: Alice | Orders: 5');
    expect(profile.requests).to.deep.equal(['GET /profiles/42']);
    expect(orders.requests).to.deep.equal(['GET /orders/42']);
  });

  it('Slow Poke: closes the connection of the slow service at the deadline', async () => {
    const [profile, orders] = [await serve(answer({ name: 'Alice' })), await serve(never)];
    const error = await failureOf(dashboard(profile, orders, 1_000)(background), DeadlineExceededError);
    expect(error.pending).to.deep.equal(['orders']);
    expect(error.message).to.match(/^context deadline exceeded/);
    await orders.closed;
  });

  it('Domino Effect: closes the connection of the orders when the profile fails', async () => {
    const orders = await serve(never);
    const profile = await serve(failAfter(orders));
    const error = await failureOf(dashboard(profile, orders)(background), ServiceError);
    expect(error).to.include({
      service: 'profile',
      message: `profile: HTTP 500 from GET ${profile.url}/profiles/42`,
    });
    expect(error.cause).to.be.instanceOf(HttpError).and.include({ status: 500, body: 'no luck' });
    await orders.closed;
  });

  it('aborts the request of the orders before it calls the error handler, which may block', async () => {
    const orders = await serve(never);
    const profile = await serve(failAfter(orders));
    let signal: AbortSignal | undefined;
    const watching = (url: URL, init: RequestInit): Promise<Response> => {
      if (url.pathname === '/orders/42') signal = init.signal ?? undefined;
      return fetch(url, init);
    };
    const aborted = await new Promise((resolve) => {
      dashboard(
        profile,
        orders,
      )({ fetch: watching }).subscribe({
        error: () => {
          resolve(signal?.aborted);
        },
      });
    });
    expect(aborted).to.equal(true);
    await orders.closed;
  });

  for (const way of ['unsubscribes', 'aborts']) {
    it(`closes both connections when the caller ${way}`, async () => {
      const [profile, orders] = [await serve(never), await serve(never)];
      const controller = new AbortController();
      const errors: unknown[] = [];
      const run = dashboard(
        profile,
        orders,
      )({ signal: controller.signal }).subscribe({ error: (error) => errors.push(error) });
      await Promise.all([profile.requested, orders.requested]);
      if (way === 'aborts') controller.abort('bye');
      else run.unsubscribe();
      await Promise.all([profile.closed, orders.closed]);
      expect(errors).to.have.length(way === 'aborts' ? 1 : 0);
      if (way === 'aborts') expect(errors[0]).to.be.instanceOf(CanceledError).with.property('cause', 'bye');
    });
  }
});
