import { expect } from 'chai';
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { lastValueFrom, type Observable, retry } from 'rxjs';
import {
  backoff,
  type Context,
  fetchJson,
  type FetchInit,
  fetchText,
  HttpError,
  NetworkError,
  retryBudget,
} from '../../lib/index.ts';
import { certificate, key } from '../support/certificate.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, type Loopback, refusingUrl, reply, serve } from '../support/servers.ts';
import { describeTransports } from '../support/transports.ts';

describeTransports('permanent failures', ({ ctx, fetch }) => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  /** Retries with `backoff`, and counts the retries. */
  const retried = <T>(
    source: Observable<T>,
    given: Context = ctx,
  ): { answer: Observable<T>; retries: () => number } => {
    const budget = retryBudget();
    let retries = 0;
    const counting = {
      ...budget,
      recordFirstAttempt: budget.recordFirstAttempt.bind(budget),
      tryAcquire: () => {
        retries++;
        return budget.tryAcquire();
      },
    };
    const delay = backoff(given, { initialDelay: 0, budget: counting });
    return { answer: source.pipe(retry({ count: 2, delay })), retries: () => retries };
  };
  const put = (body: unknown, more: object = { duplex: 'half' }): FetchInit =>
    ({ method: 'PUT', body, ...more }) as FetchInit;
  const stream = (): ReadableStream => new Blob(['payload']).stream();
  const failing = async (): Promise<Loopback> =>
    serve((request, response) => request.resume().on('end', () => response.writeHead(503).end()));

  for (const [title, body] of [
    ['a stream', stream],
    ['an async generator', async function* () { yield Promise.resolve(Buffer.from('x')); }], // prettier-ignore
    ["Node's stream", () => Readable.from(['x'])],
  ] as [string, () => unknown][]) {
    it(`are sent once, and fail with the status, if the body is ${title}`, async () => {
      const server = await failing();
      const { answer, retries } = retried(fetchJson(ctx, server.url, put(body())));
      expect((await failureOf(answer, HttpError)).status).to.equal(503);
      expect(server.requests).to.have.length(1);
      expect(retries()).to.equal(0);
    });
  }

  for (const [title, init] of [
    ['a stream without duplex', put(stream(), {})],
    ['a header of the connection', { headers: { expect: '100-continue' } }],
    ['an invalid connection header', { headers: { connection: 'a b' } }],
    ['the method TRACE', { method: 'TRACE' }],
  ] as [string, FetchInit][]) {
    it(`are a TypeError, and not retried, for ${title}`, async () => {
      const server = await serve(reply('1'));
      const { answer, retries } = retried(fetchText(ctx, server.url, init));
      await failureOf(answer, TypeError);
      expect(retries()).to.equal(0);
      expect(server.requests).to.deep.equal([]);
    });
  }

  it('are sent once, for a refused redirect', async () => {
    const server = await serve(reply('', { location: '/to' }, 302));
    const { answer, retries } = retried(fetchJson(ctx, server.url));
    expect((await failureOf(answer, NetworkError)).kind).to.equal('redirect');
    expect(server.requests).to.have.length(1);
    expect(retries()).to.equal(0);
  });

  for (const [title, location] of [
    ['another scheme', 'ftp://127.0.0.1/'],
    ['no valid URL', 'http://['],
    ['itself', '/'],
  ] as const) {
    it(`are followed once, for a redirect to ${title}`, async () => {
      const server = await serve(reply('', { location }, 307));
      const { answer, retries } = retried(fetchJson(ctx, server.url, { redirect: 'follow' }));
      const error = await failureOf(answer, NetworkError);
      expect(error.kind).to.equal('redirect');
      expect(error.message).to.match(/^a redirect that cannot be followed from GET .*: request its target$/);
      expect(retries()).to.equal(0);
    });
  }

  it('are sent once, for a redirect of a stream', async () => {
    const server = await serve((request, response) =>
      request.resume().on('end', () => response.writeHead(307, { location: '/kept' }).end()),
    );
    const { answer, retries } = retried(
      fetchJson(ctx, server.url, put(stream(), { duplex: 'half', redirect: 'follow' })),
    );
    await failureOf(answer, NetworkError);
    expect(server.requests).to.deep.equal(['PUT /']);
    expect(retries()).to.equal(0);
  });

  it('are tried once, for a certificate that does not verify', async () => {
    const server = createServer({ cert: certificate, key });
    let connections = 0;
    server.on('connection', () => connections++).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}/`;
    const { answer, retries } = retried(fetchJson(ctx, url));
    const error = await failureOf(answer, NetworkError);
    server.close();
    expect(error.kind).to.equal('certificate');
    expect(error.message).to.equal(
      `no answer (DEPTH_ZERO_SELF_SIGNED_CERT) from GET ${url}: check its host name, its dates and the trusted authorities`,
    );
    expect([connections, retries()]).to.deep.equal([1, 0]);
  });

  for (const url of [
    'http://127.0.0.1:6000/',
    'http://127.0.0.1:1/',
    'unknown:x',
    'ftp://127.0.0.1/',
    'file:///etc/hosts',
  ]) {
    it(`are not retried, for ${url}`, async () => {
      const { answer, retries } = retried(fetchJson(ctx, url));
      const error = await failureOf(answer, NetworkError);
      expect(error.kind).to.equal('unsendable');
      expect(error.message).to.include('use http: or https:, and a port that fetch does not block');
      expect(retries()).to.equal(0);
    });
  }

  it('are an https: URL of a port without TLS', async () => {
    const server = await serve(reply('1'));
    const { answer, retries } = retried(fetchJson(ctx, server.url.replace('http:', 'https:')));
    const error = await failureOf(answer, NetworkError);
    expect(error.kind).to.equal('unsendable');
    expect(error.message).to.match(
      /ERR_SSL_\w+\) from GET .*: check that the port is for https: and which versions of TLS /,
    );
    expect([server.connections, retries()]).to.deep.equal([1, 0]);
  });

  it('are bytes that have been transferred: nothing is sent', async () => {
    const server = await serve(reply('1'));
    const body = new ArrayBuffer(2);
    structuredClone(body, { transfer: [body] });
    const { answer, retries } = retried(fetchJson(ctx, server.url, { method: 'PUT', body }));
    const error = await failureOf(answer, TypeError);
    expect(error.message).to.match(/^fetch: init: expected a request that fetch can send/);
    expect([server.requests, retries()]).to.deep.equal([[], 0]);
  });

  it('are not a refused connection', async () => {
    const { answer, retries } = retried(fetchJson(ctx, await refusingUrl()));
    expect((await failureOf(answer, NetworkError)).kind).to.equal('connect');
    expect(retries()).to.equal(2);
  });

  it('are no init whose signal a transport replaces', async () => {
    const server = await serve(reply('1'));
    const replacing: Context['fetch'] = (url, init) => {
      init.signal = AbortSignal.any([init.signal!, new AbortController().signal]);
      init.headers = [['x-a', '1']];
      return fetch(url, init);
    };
    expect(await lastValueFrom(fetchJson({ fetch: replacing }, server.url))).to.equal(1);
  });

  it('let a transport abort by a signal of its own', async () => {
    const server = await serve(() => undefined);
    const timing: Context['fetch'] = (url, init) => {
      const own = new AbortController();
      void server.requested.then(() => {
        own.abort(new DOMException('too late', 'TimeoutError'));
      });
      init.signal = own.signal;
      return fetch(url, init);
    };
    const error = await failureOf(fetchJson({ fetch: timing }, server.url), NetworkError);
    expect(error.cause).to.have.property('name', 'TimeoutError');
    await server.closed;
  });
});
