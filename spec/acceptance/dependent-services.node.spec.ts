import { expect } from 'chai';
import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { firstValueFrom, type Observable, switchMap } from 'rxjs';
import { aggregate, background, type Context, fetchJson, perRun, silent, url, withLogger } from '../../lib/index.ts';

/** One server for both services: what was asked of it, and when a connection closes without an answer. */
async function upstream(orders: (response: ServerResponse) => void) {
  const asked: string[] = [];
  let left: () => void = () => undefined;
  const abandoned = new Promise<void>((resolve) => (left = resolve));
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.on('close', () => {
      if (!response.writableEnded) left();
    });
    if (request.url?.startsWith('/profiles/')) response.end('{"name":"Alice","accountId":7}');
    else orders(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const profile = perRun((ctx, id: number) => fetchJson<{ accountId: number }>(ctx, url`${base}/profiles/${id}`));
  const ordersOf = (ctx: Context, id: number): Observable<unknown> =>
    profile(ctx, id).pipe(switchMap(({ accountId }) => fetchJson(ctx, url`${base}/accounts/${accountId}/orders`)));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { asked, abandoned, close, profile, orders: ordersOf };
}

describe('services that depend on each other, over real sockets', () => {
  it('ask for the profile once, and for the orders when it has come', async () => {
    const { asked, close, profile, orders } = await upstream((response) => response.end('5'));
    const ask = aggregate({ profile, orders }, withLogger(silent));
    expect(await firstValueFrom(ask(background, 42))).to.deep.equal({
      profile: { name: 'Alice', accountId: 7 },
      orders: 5,
    });
    expect(asked).to.deep.equal(['/profiles/42', '/accounts/7/orders']);
    close();
  });

  it('are torn down together: the connection of the orders closes when the caller leaves', async () => {
    let arrived: () => void = () => undefined;
    const pending = new Promise<void>((resolve) => (arrived = resolve));
    const { abandoned, close, profile, orders } = await upstream(() => {
      arrived();
    });
    const subscription = aggregate({ profile, orders }, withLogger(silent))(background, 42).subscribe();
    await pending;
    subscription.unsubscribe();
    await abandoned;
    close();
  });
});
