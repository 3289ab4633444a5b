import { expect } from 'chai';
import { lastValueFrom } from 'rxjs';
import { type Context, fetchJson, fetchText } from '../../lib/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, mirror, type Received, serve } from '../support/servers.ts';
import { describeTransports } from '../support/transports.ts';

describeTransports('headers', ({ ctx }) => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  let url: string;
  beforeEach(async () => {
    ({ url } = await serve(mirror));
  });
  const sent = async (init: RequestInit = {}, more: Context = {}): Promise<Received['headers']> =>
    (await lastValueFrom(fetchJson<Received>({ ...ctx, ...more }, url, init))).headers;

  it('accepts JSON, unless the caller accepts something else', async () => {
    expect(await sent()).to.include({ accept: 'application/json' });
    expect(await sent({ headers: { Accept: 'text/x' } })).to.include({ accept: 'text/x' });
    expect(await sent({}, { propagate: { accept: 'text/x' } })).to.include({ accept: 'text/x' });
    const { headers } = JSON.parse(await lastValueFrom(fetchText(ctx, url))) as Received;
    expect(headers).to.include({ accept: '*/*' });
  });

  it('sends ctx.propagate and nothing else of ctx, and lets init.headers win', async () => {
    const platform = await sent();
    const more = {
      signal: new AbortController().signal,
      deadline: 4e12,
      propagate: { 'X-Request-Id': '7', Authorization: 'Bearer theirs' },
      headers: { cookie: 'session=secret' },
      cookie: 'session=secret',
      tenant: 'acme',
    };
    const headers = await sent({ headers: { authorization: 'Bearer ours' } }, more);
    expect(headers).to.deep.equal({ ...platform, 'x-request-id': '7', authorization: 'Bearer ours' });
  });

  for (const [shape, headers] of [
    ['a record', { 'x-a': '1', 'x-b': '\xe4\t!' }],
    ['pairs', [['x-a', '1'], ['X-B', '\xe4\t!']]], // prettier-ignore
    ['Headers', new Headers({ 'x-a': '1', 'x-b': '\xe4\t!' })],
  ] as [string, HeadersInit][]) {
    it(`sends init.headers in ${shape}`, async () => {
      expect(await sent({ headers })).to.include({ 'x-a': '1', 'x-b': '\xe4\t!' });
    });
  }

  it('sends both of two pairs with one name', async () => {
    expect(await sent({ headers: [['x-a', '1'], ['x-a', '2']] })).to.include({ 'x-a': '1, 2' }); // prettier-ignore
  });

  it('accepts the encodings that the platform accepts, unless the caller accepts others or a range', async () => {
    const platform = JSON.parse(await (await fetch(url)).text()) as Received;
    expect((await sent())['accept-encoding']).to.equal(platform.headers['accept-encoding']);
    expect(await sent({ headers: { range: 'bytes=0-' } })).to.include({ 'accept-encoding': 'identity' });
    expect(await sent({ headers: { 'accept-encoding': 'br' } })).to.include({ 'accept-encoding': 'br' });
  });
});
