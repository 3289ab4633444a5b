import { expect } from 'chai';
import { lastValueFrom } from 'rxjs';
import { fetchJson, type FetchInit, HttpError, NetworkError } from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, drip, type Loopback, mirror, type Received, reply, serve } from '../support/servers.ts';
import { describeTransports, rejectionOf } from '../support/transports.ts';

describeTransports('redirects', ({ ctx, fetch }) => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  const redirect = async (status = 302): Promise<{ from: Loopback; to: Loopback }> => {
    const to = await serve(mirror);
    const from = await serve(reply('', { location: `${to.url}/there?token=secret` }, status));
    return { from, to };
  };

  it('errors with NetworkError when init.redirect is undefined, and never connects to the target', async () => {
    const { from, to } = await redirect();
    const init = { redirect: undefined } as unknown as FetchInit;
    const error = await failureOf(fetchJson(ctx, from.url, init), NetworkError);
    expect(error.message).to.equal(
      `a refused redirect from GET ${from.url}/: request its target, or set redirect: 'follow'`,
    );
    expect(to.connections).to.equal(0);
  });

  it('rejects in the transport as fetch does', async () => {
    const { from } = await redirect();
    const error = await rejectionOf(fetch(new URL(from.url), { redirect: 'error' }));
    expect(error).to.be.instanceOf(TypeError).with.property('message', 'fetch failed');
    expect((error as Error).cause).to.have.property('message', 'unexpected redirect');
  });

  it('closes the socket when the body of a redirect drips, and keeps it when there is no body', async () => {
    const dripping = await serve(drip({ location: '/' }, 302));
    await failureOf(fetchJson(ctx, dripping.url), NetworkError);
    await dripping.closed;
    const { from } = await redirect();
    for (let count = 0; count < 20; count++) await failureOf(fetchJson(ctx, from.url), NetworkError);
    expect(from.connections).to.be.at.most(2);
  });

  it("errors with HttpError when init.redirect is 'manual'", async () => {
    const { from, to } = await redirect();
    const error = await failureOf(fetchJson(ctx, from.url, { redirect: 'manual' }), HttpError);
    expect(error.status).to.equal(302);
    expect(to.connections).to.equal(0);
  });

  it("follows without credentials when init.redirect is 'follow'", async () => {
    const { from, to } = await redirect();
    const headers = { authorization: 'Bearer secret', cookie: 'secret', 'x-a': '1' };
    const sent = await lastValueFrom(fetchJson<Received>(ctx, from.url, { redirect: 'follow', headers }));
    expect(sent.headers).to.include({ 'x-a': '1' }).and.not.to.have.any.keys('authorization', 'cookie');
    expect(to.requests).to.deep.equal(['GET /there?token=secret']);
  });

  for (const [status, method, body] of [
    [302, 'GET', ''],
    [307, 'POST', 'x'],
  ] as const) {
    it(`follows the ${String(status)} of a POST with a ${method}`, async () => {
      const { from } = await redirect(status);
      const init = { redirect: 'follow', method: 'POST', body: 'x' } as const;
      expect(await lastValueFrom(fetchJson<Received>(ctx, from.url, init))).to.include({ method, body });
    });
  }

  it('errors with NetworkError after 20 redirects', async () => {
    let count = 0;
    const { url } = await serve((_request, response) => {
      response.writeHead(302, { location: `/${String(++count)}` }).end();
    });
    await failureOf(fetchJson(ctx, url, { redirect: 'follow' }), NetworkError);
    expect(count).to.equal(21);
  });
});
