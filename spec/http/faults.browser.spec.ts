import { expect } from 'chai';
import { from, lastValueFrom, type Observable, retry, switchMap } from 'rxjs';
import {
  aggregate,
  backoff,
  background,
  BodyTooLargeError,
  type Context,
  DecodeError,
  fetchJson,
  type FetchInit,
  HttpError,
  NetworkError,
  ServiceError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import {
  at,
  elsewhere,
  expectNothingLeft,
  inFrame,
  pendingServices,
  registerServiceWorker,
  setOffline,
  type UpstreamRequest,
} from '../support/upstream.ts';

describe('faults of the network, in a page', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();
  expectNothingLeft();

  let there: string;
  before(async () => {
    there = await elsewhere();
  });

  /** The error of a service beside two pending ones, once the server has seen the connections of those close. */
  async function failureBeside(ctx: Context, faulty: (ctx: Context) => Observable<unknown>): Promise<unknown> {
    const { services, pending, closed } = pendingServices();
    const fault = (derived: Context) => from(pending()).pipe(switchMap(() => faulty(derived)));
    const error = await failureOf(aggregate({ ...services, fault })(ctx), ServiceError);
    await closed();
    expect(error.service).to.equal('fault');
    return error.cause;
  }

  interface Fault {
    readonly to: () => Pick<UpstreamRequest, 'url' | 'shown'> & Partial<UpstreamRequest>;
    readonly ctx?: Context;
    readonly init?: FetchInit;
    readonly type: abstract new (...args: never[]) => Error;
    /** The message up to the URL. */
    readonly message: string;
    readonly advice?: string | undefined;
    readonly body?: string;
    /** The methods that the server received. */
    readonly methods?: readonly string[];
    /** The connection of the request closes too. */
    readonly closes?: true;
  }
  const traced: Context = { propagate: { 'x-request-id': 'secret' } };
  const noAnswer = { type: NetworkError, message: 'no answer from GET' };
  const redirected = {
    type: NetworkError,
    message: 'a refused redirect from GET',
    advice: ": request its target, or set redirect: 'follow'",
  };
  const cutShort = { type: NetworkError, message: 'a body cut short from GET' };
  const tooLarge = { type: BodyTooLargeError, message: 'more than 10485760 bytes from GET' };
  const status = (code: number) => ({ type: HttpError, message: `HTTP ${String(code)} from GET` });
  const nowhere = { url: 'http://127.0.0.1:2/users?token=secret', shown: 'http://127.0.0.1:2/users' };

  const faults: Record<string, Fault> = {
    'another origin that does not allow the page': { to: () => at('/json', there), ...noAnswer, methods: ['GET'] },
    'a status of another origin that does not allow the page': {
      to: () => at('/500', there),
      ...noAnswer,
      methods: ['GET'],
    },
    'a status of another origin that allows the page': { to: () => at('/404?cors', there), ...status(404) },
    'a propagated header that another origin rejects, so it is never sent': {
      to: () => at('/json?cors', there),
      ctx: traced,
      ...noAnswer,
      methods: ['OPTIONS'],
    },
    'a method that another origin rejects, so it is never sent': {
      to: () => at('/json?cors', there),
      init: { method: 'delete' },
      type: NetworkError,
      message: 'no answer from DELETE',
      methods: ['OPTIONS'],
    },
    'a status after a propagated header that another origin accepts': {
      to: () => at('/404?cors=x-request-id', there),
      ctx: traced,
      ...status(404),
      methods: ['OPTIONS', 'GET'],
    },
    'a redirect': { to: () => at('/redirect'), ...redirected, methods: ['GET'] },
    'a redirect to another origin': { to: () => at('/redirect-elsewhere?cors'), ...redirected, methods: ['GET'] },
    'a redirect that is followed to another origin, which does not allow the page': {
      to: () => at('/redirect-elsewhere'),
      init: { redirect: 'follow' },
      ...noAnswer,
      methods: ['GET', 'GET'],
    },
    'a connection that is refused': { to: () => nowhere, ...noAnswer },
    'a connection that is reset': { to: () => at('/reset'), ...noAnswer },
    'a connection that is closed': { to: () => at('/hang-up'), ...noAnswer },
    'a response that is not HTTP': { to: () => at('/garbage'), ...noAnswer },
    'a content-length that is too long': { to: () => at('/cut'), ...cutShort },
    'chunks without an end': { to: () => at('/cut-chunks'), ...cutShort },
    'a body that is not gzip': { to: () => at('/no-gzip'), ...cutShort },
    'an endless body': { to: () => at('/endless'), ...tooLarge, closes: true },
    'a gzip bomb': { to: () => at('/bomb'), ...tooLarge, closes: true },
    'a status': { to: () => at('/500'), ...status(500), body: 'no luck' },
    'a status with an endless body': { to: () => at('/endless-500'), ...status(500), closes: true },
    'a body that is not UTF-8': {
      to: () => at('/latin1'),
      type: DecodeError,
      message: 'expected UTF-8, got 3 bytes of text/plain (HTTP 200) from GET',
    },
    'a 204': {
      to: () => at('/204'),
      type: DecodeError,
      message: 'expected JSON, got an empty body (HTTP 204) from GET',
    },
    HTML: {
      to: () => at('/html'),
      type: DecodeError,
      message: 'expected JSON, got 14 bytes of text/html (HTTP 200) from GET',
    },
  };

  function eachFault(
    using: (use: (fetch: typeof globalThis.fetch) => Promise<void>) => Promise<void>,
    hidesRedirects = false,
  ): void {
    for (const [title, fault] of Object.entries(faults)) {
      const shown = hidesRedirects && fault.advice ? { ...fault, ...noAnswer, advice: undefined } : fault;
      const { to, ctx = background, init, type, message, advice = '', body, methods, closes } = shown;
      it(`errors with ${type.name}, and closes the connections of the siblings: ${title}`, async () => {
        await using(async (fetch) => {
          const sent = to();
          const cause = await failureBeside(ctx, (derived) => fetchJson({ ...derived, fetch }, sent.url, init));
          expect(cause)
            .to.be.instanceOf(type)
            .and.include({ url: sent.shown, message: `${message} ${sent.shown}${advice}` });
          if (type === NetworkError) expect((cause as Error).cause).to.be.an('error');
          expect(JSON.stringify(cause)).not.to.match(/secret|id=/);
          if (body !== undefined) expect(cause).to.include({ status: 500, method: 'GET', body });
          if (methods) expect(await sent.methods?.()).to.deep.equal(methods);
          if (closes) await sent.closed?.();
        });
      });
    }
  }
  eachFault((use) => use(fetch));

  it('requests a redirect once, since its kind is known', async () => {
    const sent = at('/redirect');
    const delay = backoff(background, { initialDelay: 0 });
    const error = await failureOf(fetchJson(background, sent.url).pipe(retry({ count: 2, delay })), NetworkError);
    expect(error.kind).to.equal('redirect');
    expect(error.message).to.match(/: request its target, or set redirect: 'follow'$/);
    expect(await sent.methods()).to.deep.equal(['GET']);
    const following = fetchJson(background, at('/redirect').url, { redirect: 'follow' });
    expect(await lastValueFrom(following)).to.deep.equal({ name: 'Alice' });
  });

  describe('offline', () => {
    afterEach(async () => setOffline(false));
    const expectOnline = async (): Promise<void> => {
      await setOffline(false);
      expect(await lastValueFrom(fetchJson(background, at('/json').url))).to.deep.equal({ name: 'Alice' });
    };

    it('errors with NetworkError, closes the connections of the siblings, and answers when the network is back', async () => {
      const sent = at('/json');
      const cause = await failureBeside(background, (ctx) =>
        from(setOffline(true)).pipe(switchMap(() => fetchJson(ctx, sent.url))),
      );
      expect(navigator.onLine).to.equal(false);
      expect(cause)
        .to.be.instanceOf(NetworkError)
        .and.include({ message: `no answer from GET ${sent.shown}` });
      expect(await sent.methods()).to.deep.equal([]);
      await expectOnline();
    });

    // Chromium emulates offline without breaking open connections, so the server drops one, as a lost network does.
    for (const lost of ['slow', 'drip'] as const) {
      it(`errors with NetworkError when a request in flight is lost, and closes the connection of the sibling: ${lost}`, async () => {
        const { services, pending, closed, ...sent } = pendingServices();
        const failure = failureOf(aggregate(services)(background), ServiceError);
        await pending();
        await setOffline(true);
        await sent[lost].drop();
        const { service, cause } = await failure;
        expect(service).to.equal(lost);
        expect(cause).to.be.instanceOf(NetworkError).and.include({ url: sent[lost].shown });
        await closed();
        await expectOnline();
      });
    }
  });

  describe('through a service worker', () => {
    registerServiceWorker();
    eachFault((use) => inFrame((fetch) => use(fetch)), true); // the fetch of another window
  });
});
