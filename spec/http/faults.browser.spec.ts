import { expect } from 'chai';
import { from, lastValueFrom, merge, type Observable, share, switchMap } from 'rxjs';
import {
  aggregate,
  background,
  BodyTooLargeError,
  CanceledError,
  type Context,
  DeadlineExceededError,
  DecodeError,
  fetchJson,
  type FetchInit,
  fetchText,
  HttpError,
  NetworkError,
  ServiceError,
  silent,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { announced, at, elsewhere, expectNothingLeft, type Sent, setOffline } from '../support/upstream.ts';

/** What a page meets on the wire, and what the server sees of it: the connections that close, and none that stays. */
describe('faults, in a page', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();
  expectNothingLeft();

  let there: string;
  before(async () => {
    there = await elsewhere();
  });
  const quiet = withLogger(silent);

  /** Two services that never answer: one says nothing, the other stops in its body. */
  function hanging(transport: typeof fetch = fetch, init?: FetchInit) {
    const [slow, drip] = [at('/slow'), at('/drip')];
    const { fetch, reading } = announced(transport);
    return {
      slow,
      drip,
      services: {
        slow: (ctx: Context) => fetchText({ ...ctx, fetch: transport }, slow.url, init),
        drip: (ctx: Context) => fetchText({ ...ctx, fetch }, drip.url, init),
      },
      underway: async () => Promise.all([slow.asked(), reading]),
      closed: async () => Promise.all([slow.closed(), drip.closed()]),
    };
  }

  /** What `ask` fails with beside two services that hang, once the server has seen both of them leave. */
  async function failureBeside(ctx: Context, ask: (ctx: Context) => Observable<unknown>): Promise<unknown> {
    const { services, underway, closed } = hanging();
    const fault = (derived: Context) => from(underway()).pipe(switchMap(() => ask(derived)));
    const error = await failureOf(aggregate({ ...services, fault }, quiet)(ctx), ServiceError);
    await closed();
    expect(error.service).to.equal('fault');
    return error.cause;
  }

  interface Fault {
    readonly to: () => Sent;
    readonly ctx?: Context;
    readonly init?: FetchInit;
    readonly type: abstract new (...args: never[]) => Error;
    /** The message, up to the URL. */
    readonly says: string;
    /** What the server saw. */
    readonly saw?: readonly string[];
    /** The server saw this one leave, too. */
    readonly leaves?: true;
  }
  const traced: Context = { propagate: { 'x-request-id': 'secret' } };
  const unanswered = { type: NetworkError, says: 'no answer from GET' };
  const cutShort = { type: NetworkError, says: 'a body cut short from GET' };
  const tooLarge = { type: BodyTooLargeError, says: 'more than 10485760 bytes from GET' };

  const faults: Record<string, Fault> = {
    'another origin that does not allow it': { to: () => at('/json', there), ...unanswered, saw: ['GET'] },
    'a status of another origin that does not allow it': { to: () => at('/500', there), ...unanswered, saw: ['GET'] },
    'a status of another origin that does': {
      to: () => at('/404?cors', there),
      type: HttpError,
      says: 'HTTP 404 from GET',
    },
    'a propagated header that another origin refuses: it is never sent': {
      to: () => at('/json?cors', there),
      ctx: traced,
      ...unanswered,
      saw: ['OPTIONS'],
    },
    'a method that another origin refuses: it is never sent': {
      to: () => at('/json?cors', there),
      init: { method: 'delete' },
      type: NetworkError,
      says: 'no answer from DELETE',
      saw: ['OPTIONS'],
    },
    'a propagated header that another origin takes, and a status': {
      to: () => at('/404?cors=x-request-id', there),
      ctx: traced,
      type: HttpError,
      says: 'HTTP 404 from GET',
      saw: ['OPTIONS', 'GET'],
    },
    'a redirect': { to: () => at('/redirect'), ...unanswered, saw: ['GET'] },
    'a redirect to another origin': { to: () => at('/redirect-elsewhere?cors'), ...unanswered, saw: ['GET'] },
    'a redirect that may be followed, to another origin that does not allow it': {
      to: () => at('/redirect-elsewhere'),
      init: { redirect: 'follow' },
      ...unanswered,
      saw: ['GET', 'GET'],
    },
    'a connection that is reset': { to: () => at('/reset'), ...unanswered },
    'a connection that is closed': { to: () => at('/hang-up'), ...unanswered },
    'an answer that is no HTTP': { to: () => at('/garbage'), ...unanswered },
    'a content-length that is too long': { to: () => at('/cut'), ...cutShort },
    'chunks without an end': { to: () => at('/cut-chunks'), ...cutShort },
    'gzip that is none': { to: () => at('/no-gzip'), ...cutShort },
    'a body without an end': { to: () => at('/endless'), ...tooLarge, leaves: true },
    'a gzip bomb': { to: () => at('/bomb'), ...tooLarge, leaves: true },
    'a 500 without an end': { to: () => at('/endless-500'), type: HttpError, says: 'HTTP 500 from GET', leaves: true },
    'no UTF-8': {
      to: () => at('/latin1'),
      type: DecodeError,
      says: 'expected UTF-8, got 3 bytes of text/plain (HTTP 200) from GET',
    },
    'a 204': { to: () => at('/204'), type: DecodeError, says: 'expected JSON, got an empty body (HTTP 204) from GET' },
    HTML: {
      to: () => at('/html'),
      type: DecodeError,
      says: 'expected JSON, got 14 bytes of text/html (HTTP 200) from GET',
    },
  };

  function eachFault(using: (use: (fetch: typeof globalThis.fetch) => Promise<void>) => Promise<void>): void {
    for (const [name, { to, ctx = background, init, type, says, saw, leaves }] of Object.entries(faults)) {
      it(`is a typed error, and closes the siblings' connections: ${name}`, async () => {
        await using(async (fetch) => {
          const sent = to();
          const cause = await failureBeside(ctx, (derived) => fetchJson({ ...derived, fetch }, sent.url, init));
          expect(cause)
            .to.be.instanceOf(type)
            .and.include({ url: sent.shown, message: `${says} ${sent.shown}` });
          if (type === NetworkError) expect((cause as Error).cause).to.be.an('error');
          expect(JSON.stringify(cause)).not.to.match(/secret|id=/);
          if (saw) expect(await sent.methods()).to.deep.equal(saw);
          if (leaves) await sent.closed();
        });
      });
    }
  }
  eachFault((use) => use(fetch));

  it('answers across origins where the other allows it', async () => {
    const answer = fetchJson(traced, at('/json?cors=x-request-id', there).url);
    expect(await lastValueFrom(answer)).to.deep.equal({ name: 'Alice' });
  });

  describe('leaving', () => {
    it('closes the connections on unsubscribe, and says nothing more', async () => {
      const { services, underway, closed } = hanging();
      const notified: unknown[] = [];
      const ask = aggregate(services, quiet);
      const subscription = ask(background).subscribe({
        error: (error) => notified.push(error),
        complete: () => notified.push('complete'),
      });
      await underway();
      subscription.unsubscribe();
      await closed();
      expect(notified).to.deep.equal([]);
    });

    it('closes the connections when ctx.signal aborts', async () => {
      const { services, underway, closed } = hanging();
      const controller = new AbortController();
      const failure = failureOf(aggregate(services, quiet)({ signal: controller.signal }), CanceledError);
      await underway();
      controller.abort('the user left');
      expect((await failure).cause).to.equal('the user left');
      await closed();
    });

    it('closes the connections at the deadline', async () => {
      const { services, underway, closed } = hanging();
      const slow = services.slow(background).pipe(share());
      const drip = services.drip(background).pipe(share());
      // On the wire before the clock starts: it may be over before a slow machine has sent anything.
      const early = merge(slow, drip).subscribe();
      await underway();
      const ask = aggregate({ slow: () => slow, drip: () => drip }, withTimeout(1), quiet);
      const failure = failureOf(ask(background), DeadlineExceededError);
      early.unsubscribe();
      expect((await failure).pending).to.deep.equal(['slow', 'drip']);
      await closed();
    });
  });

  describe('offline', () => {
    afterEach(async () => setOffline(false));
    const answersAgain = async (): Promise<void> => {
      await setOffline(false);
      expect(await lastValueFrom(fetchJson(background, at('/json').url))).to.deep.equal({ name: 'Alice' });
    };

    it('is a NetworkError, closes the connections of the siblings, and answers when the network is back', async () => {
      const sent = at('/json');
      const cause = await failureBeside(background, (ctx) =>
        from(setOffline(true)).pipe(switchMap(() => fetchJson(ctx, sent.url))),
      );
      expect(navigator.onLine).to.equal(false);
      expect(cause)
        .to.be.instanceOf(NetworkError)
        .and.include({ message: `no answer from GET ${sent.shown}` });
      expect(await sent.methods()).to.deep.equal([]);
      await answersAgain();
    });

    // Chromium, when it plays offline, leaves alone what is in flight: the server drops it, as a network that has gone does.
    for (const lost of ['slow', 'drip'] as const) {
      it(`is a NetworkError where the network goes in flight, and closes the connection of the sibling: ${lost}`, async () => {
        const { services, underway, closed, ...sent } = hanging();
        const failure = failureOf(aggregate(services, quiet)(background), ServiceError);
        await underway();
        await setOffline(true);
        await sent[lost].drop();
        const { service, cause } = await failure;
        expect(service).to.equal(lost);
        expect(cause).to.be.instanceOf(NetworkError).and.include({ url: sent[lost].shown });
        await closed();
        await answersAgain();
      });
    }
  });

  /** A page in the page, for as long as `use` takes; with a worker in its scope, all that it fetches goes through that. */
  async function inFrame(use: (fetch: typeof globalThis.fetch, frame: HTMLIFrameElement) => Promise<void>) {
    const frame = document.createElement('iframe');
    frame.src = '/frame/';
    try {
      await new Promise((resolve) => {
        frame.onload = resolve;
        document.body.append(frame);
      });
      await use((frame.contentWindow as unknown as typeof globalThis).fetch, frame);
    } finally {
      frame.remove();
    }
  }

  it('closes the connections when the page that asked goes away', async () => {
    await inFrame(async (fetch, frame) => {
      const { services, underway, closed } = hanging(fetch);
      const failures = Object.values(services).map((service) => failureOf(service(background), NetworkError));
      await underway();
      frame.remove();
      await closed();
      await Promise.all(failures);
    });
  });

  describe('through a service worker', () => {
    let registration: ServiceWorkerRegistration;
    before(async () => {
      registration = await navigator.serviceWorker.register('/frame/worker.js');
      const worker = registration.installing!;
      await new Promise<void>((resolve) => {
        worker.onstatechange = () => {
          if (worker.state === 'activated') resolve();
        };
      });
    });
    after(async () => registration.unregister());

    it('answers', async () => {
      await inFrame(async (fetch) => {
        expect(await lastValueFrom(fetchText({ fetch }, at('/frame/name').url))).to.equal('the worker');
        expect(await lastValueFrom(fetchJson({ fetch }, at('/json').url))).to.deep.equal({ name: 'Alice' });
      });
    });

    eachFault((use) => inFrame((fetch) => use(fetch)));

    // Chromium does not tell the worker: https://github.com/w3c/ServiceWorker/issues/1544.
    it('aborts in the body, and the server sees it; before the headers Chromium keeps the request', async () => {
      await inFrame(async (fetch) => expectKeptBeforeHeaders(hanging(fetch)));
    });
  });

  // It should be aborted as long as the page is there: https://github.com/web-platform-tests/wpt/pull/11822.
  it('aborts in the body with keepalive, and the server sees it; before the headers Chromium keeps the request', async () => {
    await expectKeptBeforeHeaders(hanging(fetch, { keepalive: true }));
  });

  /** Not what anybody wants, but what it does: red when it has learned better. */
  async function expectKeptBeforeHeaders(asked: ReturnType<typeof hanging>): Promise<void> {
    const { services, slow, drip, underway } = asked;
    const subscription = aggregate(services, quiet)(background).subscribe();
    await underway();
    subscription.unsubscribe();
    await drip.closed();
    expect(await slow.answer(), 'still on the wire').to.equal(true);
  }
});
