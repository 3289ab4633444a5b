import { expect } from 'chai';
import { lastValueFrom, retry } from 'rxjs';
import { aggregate, type Context, fetchJson, withDeadlineHeader, withTimeout } from '../../lib/index.ts';
import { contextOf } from '../../lib/server/index.ts';
import { closeServers, mirror, type Received, serve } from '../support/servers.ts';
import { describeTransports } from '../support/transports.ts';

describeTransports('A deadline on the wire', ({ ctx: transport }) => {
  afterEach(closeServers);

  it('arrives as the header, beside the propagated headers, and is read by contextOf', async () => {
    const deadlines: number[] = [];
    const server = await serve((request, response) => {
      deadlines.push(contextOf(request, response).deadline!);
      mirror(request, response);
    });
    const caller = { 'x-request-id': 'r1', 'grpc-timeout': '30S', authorization: 'Bearer secret' };
    const ctx = contextOf(new Request('http://dashboard.test/', { headers: caller }), { propagate: ['x-request-id'] });
    for (const [name, grammar] of [
      ['grpc-timeout', /^\d{1,8}u$/],
      ['connect-timeout-ms', /^\d{1,5}$/],
      ['x-envoy-expected-rq-timeout-ms', /^\d{1,5}$/],
    ] as const) {
      const mirrored = (inner: Context) => fetchJson<Received>(inner, server.url);
      const page = aggregate({ mirrored }, withTimeout(60_000), withDeadlineHeader(name));
      const { headers } = (await lastValueFrom(page({ ...ctx, ...transport }))).mirrored;
      expect(headers).to.include({ 'x-request-id': 'r1' }).and.not.to.have.property('authorization');
      expect(headers[name]).to.match(grammar);
    }
    expect(deadlines).to.have.length(3);
  });

  it('shrinks with each retry', async () => {
    const received: number[] = [];
    const server = await serve((request, response) => {
      received.push(Number(request.headers['x-request-timeout-ms']));
      response.writeHead(503).end();
    });
    const failing = (ctx: Context) => fetchJson(ctx, server.url).pipe(retry({ count: 2, delay: 5 }));
    const page = aggregate({ failing }, withTimeout(60_000), withDeadlineHeader('x-request-timeout-ms'));
    await lastValueFrom(page(transport)).catch(() => undefined);
    expect(received).to.have.length(3);
    expect(received).to.deep.equal([...received].sort((a, b) => b - a));
    expect(received[2]).to.be.below(received[0]!);
  });
});
