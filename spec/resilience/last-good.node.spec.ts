import { SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { asyncScheduler, defer, lastValueFrom, NEVER, type Observable, of, throwError } from 'rxjs';
import {
  aggregate,
  type AnswerStore,
  background,
  type Context,
  fetchJson,
  lastGood,
  url,
  withEvents,
  withTimeout,
} from '../../lib/index.ts';
import { withTracing } from '../../lib/observe/opentelemetry/index.ts';
import { serverTiming, waterfall } from '../../lib/observe/report/index.ts';
import { marbles, recordEvents } from '../../lib/testing/index.ts';
import { exporting } from '../support/exported.ts';
import { closeServers, deferred, serve, silence } from '../support/servers.ts';
import { nextTask } from '../support/tasks.ts';

const minute = 60_000;

describe('lastGood, with real sockets', () => {
  afterEach(closeServers);

  it('serves every page while the upstream is killed under load', async () => {
    const upstream = await serve((_request, response) => void nextTask().then(() => response.end('{"count":5}')));
    const orders = lastGood((ctx: Context, id: number) => fetchJson(ctx, url`${upstream.url}/orders/${id}`), {
      maxAge: minute,
    });
    const recorded = recordEvents();
    const page = aggregate({ orders }, withTimeout(2_000), withEvents(recorded));
    const ids = Array.from({ length: 10 }, (_, id) => id);
    await Promise.all(ids.map(async (id) => lastValueFrom(page(background, id))));

    const served: unknown[] = [];
    const visit = async (id: number): Promise<void> => {
      for (let pages = 0; pages < 20; pages++) {
        served.push(await lastValueFrom(page(background, id)));
        if (served.length === 50) await upstream.close();
      }
    };
    await Promise.all(ids.map(visit));
    expect(served).to.have.length(200);
    for (const answer of served) expect(answer).to.deep.equal({ orders: { count: 5 } });
    const stale = recorded.events.filter(({ type }) => type === 'stale');
    expect(stale.length).to.be.within(100, 150);
  });

  it('answers from a store whose answer has come while the process was busy for longer than the store may take', async () => {
    const text = JSON.stringify({ at: asyncScheduler.now(), value: { count: 5 } });
    // Like a socket: the answer is there, and the event loop delivers it after the timers that are due.
    const get = async (): Promise<string> => new Promise((resolve) => setImmediate(resolve, text));
    const store: AnswerStore = { get, set: async () => Promise.resolve(true) };
    const orders = lastGood(() => throwError(() => new Error('down')), { maxAge: minute, name: 'orders', store });
    const recorded = recordEvents();
    const answer = lastValueFrom(aggregate({ orders }, withEvents(recorded))(background));
    for (const end = performance.now() + 120; performance.now() < end;);
    expect(await answer).to.deep.equal({ orders: { count: 5 } });
    expect(recorded.brief()).not.to.include('store-failed orders');
  });

  it('serves the page of a process that has never seen the upstream, from a store', async () => {
    const texts = new Map<string, string>();
    const written = deferred();
    const store: AnswerStore = {
      get: async (key) => nextTask().then(() => texts.get(key)),
      set: async (key, text) => {
        texts.set(key, text);
        written.resolve();
        return Promise.resolve();
      },
    };
    const upstream = await serve((_request, response) => response.end('{"count":5}'));
    const pageOf = (): ((ctx: Context) => Observable<unknown>) =>
      aggregate({
        orders: lastGood((ctx: Context) => fetchJson(ctx, upstream.url), { maxAge: minute, store, name: 'orders' }),
      });
    await lastValueFrom(pageOf()(background));
    await written.promise;
    await upstream.close();
    expect(await lastValueFrom(pageOf()(background))).to.deep.equal({ orders: { count: 5 } });
  });

  it('answers at the deadline although the start of the run blocks, and closes the connection', async () => {
    const upstream = await serve(silence);
    let up = true;
    const orders = lastGood(({ signal }: Context) => (up ? of('a') : fetchJson({ signal }, upstream.url)), {
      maxAge: minute,
    });
    const blocking = defer(() => {
      for (const start = Date.now(); Date.now() < start + 20;);
      return of(1);
    });
    const page = aggregate({ orders, blocking: () => blocking }, withTimeout(100));
    await lastValueFrom(page(background));
    up = false;
    const answers = await Promise.all(Array.from({ length: 20 }, async () => lastValueFrom(page(background))));
    expect(answers).to.deep.equal(answers.map(() => ({ orders: 'a', blocking: 1 })));
    await upstream.closed;
  });
});

describe('lastGood, observed', () => {
  it('marks stale answers in spans, in the waterfall and in Server-Timing', () => {
    const { provider, spans } = exporting();
    const recorded = recordEvents();
    const sources = [of('a'), throwError(() => new Error('s3cret')), NEVER];
    const orders = lastGood(() => sources.shift() ?? NEVER, { maxAge: minute });
    const page = aggregate({ orders }, withTimeout(5), withTracing(provider.getTracer('a')), withEvents(recorded));
    marbles(({ flush }) => {
      for (const at of [0, 10, 20]) asyncScheduler.schedule(() => page(background).subscribe(), at);
      flush();
    });
    expect(
      spans.map(({ name, attributes, status }) => [name, attributes['forkfast.stale'], status.code]),
    ).to.deep.equal(
      [undefined, 'Error', 'ERR_DEADLINE_EXCEEDED'].flatMap((stale) => [
        ['aggregate orders', stale, SpanStatusCode.UNSET],
        ['aggregate', undefined, SpanStatusCode.UNSET],
      ]),
    );
    expect(spans.map(({ attributes }) => attributes['forkfast.outcome'])).to.deep.equal(Array(6).fill('succeeded'));
    expect(waterfall(recorded.events)).to.match(/ok\n.* ok\n.* ok\n.* stale\n.* ok\n.* stale$/);
    expect(serverTiming(recorded.events)).to.equal(
      'total;dur=0, orders;dur=0, total;dur=0, orders;dur=0;desc="stale", total;dur=5, orders;dur=5;desc="stale"',
    );
    expect(JSON.stringify(recorded.events)).not.to.include('s3cret');
  });
});

describe('lastGood: keys', () => {
  it('are SHA-256 digests', () => {
    const keys: string[] = [];
    const store: AnswerStore = {
      get: async (key) => {
        keys.push(key);
        return Promise.resolve();
      },
      set: async () => Promise.resolve(true),
    };
    const service = lastGood((_ctx, _input: string) => of(1), { maxAge: 1, store, name: 'a', vary: () => true });
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (input) => {
        service(background, input).subscribe();
        const text = JSON.stringify([JSON.stringify(input), 'true']);
        expect(keys.pop()).to.equal(`a:${createHash('sha256').update(text).digest('hex')}`);
      }),
      { numRuns: 1_000 },
    );
  });
});
