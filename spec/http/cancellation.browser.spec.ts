import { expect } from 'chai';
import { merge, share } from 'rxjs';
import {
  aggregate,
  background,
  CanceledError,
  DeadlineExceededError,
  fetchText,
  NetworkError,
  withTimeout,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import {
  at,
  expectNothingLeft,
  inFrame,
  observed,
  pendingServices,
  type PendingServices,
  registerServiceWorker,
} from '../support/upstream.ts';

describe('canceling requests, in a page', function () {
  this.timeout(30_000);
  expectNoUnhandledRejections();
  expectNothingLeft();

  for (const [when, path] of [
    ['before the headers', '/slow'],
    ['while the body streams', '/drip'],
  ] as const) {
    it(`closes the connection on unsubscribe ${when}`, async () => {
      const sent = at(path);
      const { fetch, reading } = observed();
      const notified: unknown[] = [];
      const subscription = fetchText({ fetch }, sent.url).subscribe({ error: (error) => notified.push(error) });
      await (path === '/slow' ? sent.requested() : reading);
      subscription.unsubscribe();
      await sent.closed();
      expect(notified).to.deep.equal([]);
    });

    it(`errors with CanceledError when ctx.signal aborts ${when}, and closes the connection`, async () => {
      const sent = at(path);
      const { fetch, reading } = observed();
      const controller = new AbortController();
      const reason = { why: 'the user left' };
      const failure = failureOf(fetchText({ fetch, signal: controller.signal }, sent.url), CanceledError);
      await (path === '/slow' ? sent.requested() : reading);
      controller.abort(reason);
      expect((await failure).cause).to.equal(reason);
      await sent.closed();
    });
  }

  describe('of an aggregate', () => {
    it('closes the connections on unsubscribe, and nothing is notified', async () => {
      const { services, pending, closed } = pendingServices();
      const notified: unknown[] = [];
      const subscription = aggregate(services)(background).subscribe({
        error: (error) => notified.push(error),
        complete: () => notified.push('complete'),
      });
      await pending();
      subscription.unsubscribe();
      await closed();
      expect(notified).to.deep.equal([]);
    });

    it('closes the connections when ctx.signal aborts', async () => {
      const { services, pending, closed } = pendingServices();
      const controller = new AbortController();
      const failure = failureOf(aggregate(services)({ signal: controller.signal }), CanceledError);
      await pending();
      controller.abort('the user left');
      expect((await failure).cause).to.equal('the user left');
      await closed();
    });

    it('closes the connections at the deadline', async () => {
      const { services, pending, closed } = pendingServices();
      const slow = services.slow(background).pipe(share());
      const drip = services.drip(background).pipe(share());
      // Subscribed before the timer starts: on a slow machine the timer could fire before anything is sent.
      const early = merge(slow, drip).subscribe();
      await pending();
      const dashboard = aggregate({ slow: () => slow, drip: () => drip }, withTimeout(1));
      const failure = failureOf(dashboard(background), DeadlineExceededError);
      early.unsubscribe();
      expect((await failure).pending).to.deep.equal(['slow', 'drip']);
      await closed();
    });
  });

  it('closes the connections when the page of the caller is removed', async () => {
    await inFrame(async (fetch, frame) => {
      const { services, pending, closed } = pendingServices(fetch);
      const failures = Object.values(services).map((service) => failureOf(service(background), NetworkError));
      await pending();
      frame.remove();
      await closed();
      await Promise.all(failures);
    });
  });

  describe('through a service worker', () => {
    registerServiceWorker();

    // Chromium does not abort the request in the worker: https://github.com/w3c/ServiceWorker/issues/1544.
    it('closes the connection while the body streams, but Chromium keeps it before the headers', async () => {
      await inFrame(async (fetch) => expectKeptBeforeHeaders(pendingServices(fetch)));
    });
  });

  // The request should be aborted while the page exists: https://github.com/web-platform-tests/wpt/pull/11822.
  it('closes the connection with keepalive while the body streams, but Chromium keeps it before the headers', async () => {
    await expectKeptBeforeHeaders(pendingServices(fetch, { keepalive: true }));
  });

  /** Documents what Chromium does. Nobody wants it, so this fails once Chromium behaves better. */
  async function expectKeptBeforeHeaders(requests: PendingServices): Promise<void> {
    const { services, slow, drip, pending } = requests;
    const subscription = aggregate(services)(background).subscribe();
    await pending();
    subscription.unsubscribe();
    await drip.closed();
    expect(await slow.respond(), 'the connection is open').to.equal(true);
  }
});
