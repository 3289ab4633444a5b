import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import { forkJoin, lastValueFrom } from 'rxjs';
import {
  CanceledError,
  type Context,
  type Fetch,
  fetchJson,
  type FetchInit,
  fetchText,
  NetworkError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, deferred, drip, reply, serve, silence } from '../support/servers.ts';
import { describeTransports, rejectionOf } from '../support/transports.ts';

describeTransports('canceling a request', ({ ctx, fetch }) => {
  expectNoUnhandledRejections();
  afterEach(closeServers);

  /** The transport, and a promise that resolves when a body is being read. */
  const observed = (): { readonly fetch: Fetch; readonly reading: Promise<void> } => {
    const { promise, resolve } = deferred();
    return {
      reading: promise,
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        setImmediate(resolve);
        return response;
      },
    };
  };

  for (const status of [200, 500]) {
    it(`closes the socket on unsubscribe while the body of a ${String(status)} streams`, async () => {
      const server = await serve(drip({}, status));
      const { fetch, reading } = observed();
      const notified: unknown[] = [];
      const subscription = fetchText({ fetch }, server.url).subscribe({
        error: (error: unknown) => notified.push(error),
      });
      await reading;
      subscription.unsubscribe();
      await server.closed;
      expect(notified).to.deep.equal([]);
    });
  }

  for (const [title, reason] of [
    ['an Error', new Error('the user left')],
    ['a string', 'the user left'],
    ['null', null],
    ['an object', { why: 'the user left' }],
    ['the DOMException of a bare abort()', AbortSignal.abort().reason],
  ] as const) {
    it(`errors before the headers with CanceledError, whose cause is the reason itself: ${title}`, async () => {
      const server = await serve(silence);
      const controller = new AbortController();
      void server.requested.then(() => {
        controller.abort(reason);
      });
      const error = await failureOf(fetchJson({ ...ctx, signal: controller.signal }, server.url), CanceledError);
      expect(error.cause).to.equal(reason);
      await server.closed;
    });
  }

  const places: [string, (signal: AbortSignal) => [Context, FetchInit]][] = [
    ['ctx.signal', (signal) => [{ signal }, {}]],
    ['init.signal', (signal) => [{}, { signal }]],
    ['init.signal beside a ctx.signal', (signal) => [{ signal: new AbortController().signal }, { signal }]],
  ];
  for (const [place, use] of places) {
    const type: new (...args: never[]) => Error = place === 'ctx.signal' ? CanceledError : NetworkError;
    it(`errors with ${type.name} when ${place} aborts while the body streams, and closes the socket`, async () => {
      const server = await serve(drip());
      const controller = new AbortController();
      const [more, init] = use(controller.signal);
      const { fetch, reading } = observed();
      void reading.then(() => {
        controller.abort('the user left');
      });
      const error = await failureOf(fetchText({ ...more, fetch }, server.url, init), type);
      expect(error.cause).to.equal('the user left');
      await server.closed;
      expect(getEventListeners(controller.signal, 'abort')).to.have.length(0);
    });

    it(`sends no request when ${place} has aborted already`, async () => {
      const server = await serve(reply('1'));
      const [more, init] = use(AbortSignal.abort('the user left'));
      const error = await failureOf(fetchJson({ ...ctx, ...more }, `${server.url}/canceled`, init), type);
      expect(error.cause).to.equal('the user left');
      await lastValueFrom(fetchJson(ctx, `${server.url}/later`));
      expect(server.requests).to.deep.equal(['GET /later']);
    });
  }

  it('reaches the transport through a copy of the init', async () => {
    const server = await serve(silence);
    const copying: Fetch = (input, init) => fetch(input, { ...init });
    const subscription = fetchJson({ fetch: copying }, server.url).subscribe();
    await server.requested;
    subscription.unsubscribe();
    await server.closed;
  });

  it('prevents a request that another transport delays', async () => {
    const server = await serve(reply('1'));
    const [start, started] = [deferred(), deferred()];
    const delaying: Fetch = async (input, init) => {
      await start.promise;
      const response = fetch(input, init);
      started.resolve();
      return response;
    };
    fetchJson({ fetch: delaying }, `${server.url}/canceled`).subscribe().unsubscribe();
    start.resolve();
    await started.promise;
    await lastValueFrom(fetchJson(ctx, `${server.url}/later`));
    expect(server.requests).to.deep.equal(['GET /later']);
  });

  it('needs one listener on ctx.signal for 1,000 requests in flight, prints no warning, and leaves no listener', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning);
    };
    process.on('warning', onWarning);
    const server = await serve(reply('1'));
    const { signal } = new AbortController();
    // All of them start, and then take turns on a few connections.
    const turns = { free: 20, waiting: [] as (() => void)[] };
    const queued: Fetch = async (input, init) => {
      if (turns.free > 0) turns.free--;
      else await new Promise<void>((resolve) => turns.waiting.push(resolve));
      const response = await fetch(input, init);
      const next = turns.waiting.shift();
      if (next) next();
      else turns.free++;
      return response;
    };
    const both = { signal, fetch: queued };
    const answers = lastValueFrom(forkJoin(Array.from({ length: 1_000 }, () => fetchJson(both, server.url))));
    expect(getEventListeners(signal, 'abort')).to.have.length(1);
    expect(await answers).to.have.length(1_000);
    expect(server.requests).to.have.length(1_000);
    expect(getEventListeners(signal, 'abort')).to.have.length(0);

    await failureOf(fetchJson(both, `${server.url}:0`), TypeError);
    fetchJson(both, server.url).subscribe().unsubscribe();
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
    await new Promise(setImmediate); // warnings are emitted in the next tick
    process.off('warning', onWarning);
    expect(warnings).to.deep.equal([]);
  });

  describe('in the transport', () => {
    for (const reason of [new Error('the user left'), 'the user left']) {
      it(`rejects with the reason before the headers, and closes the socket: ${String(reason)}`, async () => {
        const server = await serve(silence);
        const controller = new AbortController();
        const rejection = rejectionOf(fetch(new URL(server.url), { signal: controller.signal }));
        await server.requested;
        controller.abort(reason);
        expect(await rejection).to.equal(reason);
        await server.closed;
      });

      it(`rejects with the reason while the body streams, and closes the socket: ${String(reason)}`, async () => {
        const server = await serve(drip());
        const controller = new AbortController();
        const reader = (await fetch(new URL(server.url), { signal: controller.signal })).body!.getReader();
        expect(Buffer.from((await reader.read()).value!).toString()).to.equal('drip');
        const rejection = rejectionOf(Promise.resolve(reader.read()));
        controller.abort(reason);
        expect(await rejection).to.equal(reason);
        await server.closed;
      });
    }

    it('sends nothing when the signal has aborted already', async () => {
      const server = await serve(reply('1'));
      const signal = AbortSignal.abort('the user left');
      expect(await rejectionOf(fetch(new URL(server.url), { signal }))).to.equal('the user left');
      await fetch(new URL('/later', server.url), {});
      expect(server.requests).to.deep.equal(['GET /later']);
    });

    it('closes the socket when the reader of a body cancels it', async () => {
      const server = await serve(drip());
      const reader = (await fetch(new URL(server.url), {})).body!.getReader();
      await reader.read();
      const canceled = reader.cancel('enough');
      expect(canceled).to.be.instanceOf(Promise);
      await canceled;
      await server.closed;
    });
  });
});
