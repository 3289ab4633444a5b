import { expect } from 'chai';
import type { ServerResponse } from 'node:http';
import { firstValueFrom, type Observable, switchMap } from 'rxjs';
import { aggregate, background, type Context, fetchJson, perRun, type Service, url } from '../../lib/index.ts';
import { closeServers, deferred, type Loopback, serve } from '../support/servers.ts';

describe('services that depend on each other, over real sockets', () => {
  afterEach(closeServers);

  interface Upstream {
    readonly server: Loopback;
    readonly dashboard: Service<number, { profile: unknown; orders: unknown }>;
  }

  /** One server for both services, and an aggregate whose orders need the profile. */
  async function upstream(respond: (response: ServerResponse) => void): Promise<Upstream> {
    const server = await serve((request, response) => {
      if (request.url?.startsWith('/profiles/')) response.end('{"name":"Alice","accountId":7}');
      else respond(response);
    });
    const base = server.url;
    const profile = perRun((ctx, id: number) => fetchJson<{ accountId: number }>(ctx, url`${base}/profiles/${id}`));
    const orders = (ctx: Context, id: number): Observable<unknown> =>
      profile(ctx, id).pipe(switchMap(({ accountId }) => fetchJson(ctx, url`${base}/accounts/${accountId}/orders`)));
    return { server, dashboard: aggregate({ profile, orders }) };
  }

  it('request the profile once, and the orders when it has come', async () => {
    const { server, dashboard } = await upstream((response) => response.end('5'));
    expect(await firstValueFrom(dashboard(background, 42))).to.deep.equal({
      profile: { name: 'Alice', accountId: 7 },
      orders: 5,
    });
    expect(server.requests).to.deep.equal(['GET /profiles/42', 'GET /accounts/7/orders']);
  });

  it('are torn down together: the connection of the orders closes when the caller unsubscribes', async () => {
    const [requested, closed] = [deferred(), deferred()];
    const { dashboard } = await upstream((response) => {
      response.on('close', closed.resolve);
      requested.resolve();
    });
    const run = dashboard(background, 42).subscribe();
    await requested.promise;
    run.unsubscribe();
    await closed.promise;
  });
});
