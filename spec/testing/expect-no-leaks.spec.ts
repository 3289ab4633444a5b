import { expect } from 'chai';
import {
  catchError,
  config,
  defer,
  delay,
  finalize,
  interval,
  map,
  NEVER,
  Observable,
  of,
  retry,
  Subscription,
  take,
  throwError,
  timer,
} from 'rxjs';
import {
  aggregate,
  backoff,
  bulkhead,
  type Context,
  fetchJson,
  fromAbortable,
  hedge,
  perRun,
  optional,
  singleFlight,
} from '../../lib/index.ts';
import { expectNoLeaks, fakeFetch, type LeakOptions } from '../../lib/testing/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

type TestedService = (ctx: Context) => Observable<unknown>;

const url = 'http://api.test/profiles/42';
const fetch = fakeFetch({
  '/profiles/42': { name: 'Alice' },
  '/slow': of({ name: 'Alice' }).pipe(delay(1)),
  '/down': new Response('try later', { status: 503 }),
});
const profile: TestedService = (ctx) => fetchJson(ctx, url);

async function leaksOf(service: TestedService, options: LeakOptions = { fails: false }): Promise<string> {
  return expectNoLeaks(service, { fetch, ...options }).then(
    () => 'none',
    (error: unknown) => (error as Error).message,
  );
}

/** A service that uses its transport without fromAbortable. */
function handMade(ctx: Context, init: RequestInit, from = url): Observable<unknown> {
  return new Observable((subscriber) => {
    const request = async (): Promise<void> => {
      try {
        const response = (await ctx.fetch!(new URL(from), init)) as Response;
        if (!response.ok) throw new Error(`HTTP ${String(response.status)}`);
        const body: unknown = await response.json();
        subscriber.next(body);
        subscriber.complete();
      } catch (error) {
        subscriber.error(error);
      }
    };
    void request();
  });
}

/** Emits a value although it was unsubscribed. */
function leakyValues(): Observable<unknown> {
  return new Observable((subscriber) => {
    timer(0).subscribe(() => {
      subscriber.next('Alice');
      subscriber.complete();
    });
  });
}

describe('expectNoLeaks', function () {
  this.timeout(20_000);
  expectNoUnhandledRejections();

  describe('finds no leak in', () => {
    const clean: Readonly<Record<string, readonly [service: TestedService, options?: LeakOptions]>> = {
      fetchJson: [profile],
      'a slow fetchJson': [(ctx) => fetchJson(ctx, 'http://api.test/slow')],
      'a fetchJson that fails with 503': [profile, { fails: (ctx) => fetchJson(ctx, 'http://api.test/down') }],
      fromAbortable: [
        (ctx) =>
          fromAbortable(ctx, async (signal) => ((await ctx.fetch!(new URL(url), { signal })) as Response).text()),
      ],
      aggregate: [aggregate({ profile, orders: () => timer(1) })],
      'an aggregate in an aggregate': [aggregate({ page: aggregate({ profile }) })],
      'retry and backoff': [
        (ctx) => profile(ctx).pipe(retry({ count: 2, delay: backoff(ctx, { initialDelay: 1, jitter: 'none' }) })),
      ],
      hedge: [(ctx) => profile(ctx).pipe(hedge({ after: 0 }))],
      bulkhead: [(ctx) => profile(ctx).pipe(bulkhead(1))],
      singleFlight: [singleFlight(profile)],
      perRun: [aggregate({ a: perRun(profile), b: profile })],
      'a failure that is settled': [optional(profile)],
      'a service of RxJS operators': [
        () => timer(1).pipe(map((tick) => tick + 1)),
        { fails: () => throwError(() => 'no') },
      ],
      'a listener that the platform does not add': [
        ({ signal }) => {
          signal?.addEventListener('abort', () => undefined, { signal: AbortSignal.abort() });
          return of('Alice');
        },
        { fails: false },
      ],
      'a listener that is removed by a signal of its own': [
        (ctx) =>
          new Observable((subscriber) => {
            const own = new AbortController();
            ctx.signal?.addEventListener('abort', () => undefined, { signal: own.signal });
            subscriber.next('Alice');
            subscriber.complete();
            return () => {
              own.abort();
            };
          }),
        { fails: false },
      ],
      'an unread body of an aborted request': [
        (ctx) =>
          new Observable((subscriber) => {
            const own = new AbortController();
            const request = async (): Promise<void> => {
              await ctx.fetch!(new URL(url), { signal: own.signal }).then(undefined, () => undefined);
              subscriber.complete();
            };
            if (ctx.signal?.aborted !== true) void request();
            return () => {
              own.abort();
            };
          }),
      ],
      'a timer that is closed, or cleared by its number': [
        () =>
          new Observable((subscriber) => {
            const later = (): ReturnType<typeof setTimeout> =>
              // eslint-disable-next-line no-restricted-syntax -- as many services do
              setTimeout(() => undefined, 5_000);
            const [closed, cleared] = [later(), later()] as [{ close?: () => void }, unknown];
            clearTimeout(Number(cleared));
            if (closed.close) closed.close();
            else clearTimeout(Number(closed));
            subscriber.next('Alice');
            subscriber.complete();
          }),
        { fails: false },
      ],
      'a promise of a short timer': [
        () =>
          defer(async () => {
            await new Promise((resolve) => {
              // eslint-disable-next-line no-restricted-syntax -- as many services do
              setTimeout(resolve, 1);
            });
          }),
        { fails: false },
      ],
      'a synchronous loop that emits after take(1)': [
        () =>
          new Observable((subscriber) => {
            for (const value of [1, 2]) subscriber.next(value);
            subscriber.complete();
          }).pipe(take(1)),
        { fails: false },
      ],
      'a synchronous loop': [
        () =>
          new Observable((subscriber) => {
            for (const value of [1, 2]) subscriber.next(value);
            subscriber.complete();
          }),
        { fails: false },
      ],
      'a synchronous value': [() => of('Alice'), { fails: false }],
    };
    for (const [what, [service, options = {}]] of Object.entries(clean)) {
      it(what, async () => {
        await expectNoLeaks(service, { fetch, ...options });
      });
    }
  });

  describe('reports', () => {
    /** The timers of the leaky services. */
    const running = new Subscription();
    after(() => {
      running.unsubscribe();
    });
    const orUseOurs = 'or use fetchJson or fromAbortable(ctx, (signal) => …).';
    const unsubscribed = ['is unsubscribed at once', 'is unsubscribed while it runs'];
    const always = [
      'succeeds',
      'is called with an aborted signal',
      ...unsubscribed,
      'is unsubscribed at its first value',
      'is aborted while it runs',
    ];
    const listener: Item = {
      what: 'a listener on ctx.signal',
      when: ['succeeds', ...unsubscribed, 'is unsubscribed at its first value'],
      fix: `Remove it in the teardown, ${orUseOurs}`,
    };
    const sent = (late: string, when: readonly string[]): Item => ({
      what: `GET ${url}, sent ${late}`,
      when,
      fix: `Send no request after the end or the abort, ${orUseOurs}`,
    });
    const sentAfterAbort = (...when: string[]): Item =>
      sent('after ctx.signal aborted', ['is called with an aborted signal', ...when]);
    const inFlight = (...when: string[]): Item => ({
      what: `GET ${url}, still in flight`,
      when: [...unsubscribed, ...when],
      fix: `Abort it in the teardown, ${orUseOurs}`,
    });
    const timerOf = (ms: number): Item => ({
      what: `a timer of ${String(ms)} ms`,
      when: always,
      fix: "Clear it in the teardown, or use RxJS's timer or interval and unsubscribe from it.",
    });

    const leaky: Readonly<
      Record<string, readonly [service: TestedService, left: readonly Item[], options?: LeakOptions]>
    > = {
      'a listener that is not removed': [
        (ctx) => {
          ctx.signal?.addEventListener('abort', () => undefined);
          return of('Alice');
        },
        [listener],
      ],
      'a listener that is removed only for another phase or another event': [
        ({ signal }) => {
          const listen = (): void => undefined;
          signal?.addEventListener('abort', listen, { capture: true });
          signal?.removeEventListener('abort', listen);
          signal?.removeEventListener('other' as 'abort', listen, true);
          return of('Alice');
        },
        [listener],
      ],
      'a listener that sends a request when the caller aborts': [
        (ctx) => {
          ctx.signal?.addEventListener('abort', () => void ctx.fetch!(new URL(url), {}));
          return of('Alice');
        },
        [
          listener,
          sent(
            'after ctx.signal aborted',
            always.filter((when) => !when.includes('called')),
          ),
        ],
      ],
      'an onabort handler': [
        (ctx) => {
          ctx.signal!.onabort = () => undefined;
          return of('Alice');
        },
        [listener],
      ],
      'a request without a signal': [
        (ctx) => handMade(ctx, {}),
        [sentAfterAbort(), inFlight('is aborted while it runs')],
      ],
      'a request that ignores unsubscribing': [
        (ctx) => handMade(ctx, { signal: ctx.signal! }),
        [sentAfterAbort(), inFlight()],
      ],
      'a request that ignores the signal of the context': [
        (ctx) => fetchJson({ fetch: ctx.fetch }, url),
        [sentAfterAbort()],
      ],
      'a retry that the abort wakes': [
        (ctx) => handMade(ctx, { signal: ctx.signal! }).pipe(retry(1)),
        [sentAfterAbort('is aborted while it runs'), inFlight()],
      ],
      'a request in the teardown': [
        (ctx) =>
          new Observable((subscriber) => {
            subscriber.next('Alice');
            subscriber.complete();
            return () => void ctx.fetch!(new URL(url), {});
          }),
        [
          sent(
            'after the end',
            always.filter((when) => !when.includes('called')),
          ),
          sentAfterAbort(),
        ],
      ],
      'an unread body': [
        profile,
        [
          {
            what: 'the unread body of GET http://api.test/down, and its connection',
            when: ['fails'],
            fix: 'Read it, or cancel it with response.body?.cancel(), as fetchJson does.',
          },
        ],
        { fails: (ctx) => handMade(ctx, {}, 'http://api.test/down') },
      ],
      'an interval that is not cleared': [
        () =>
          new Observable((subscriber) => {
            // eslint-disable-next-line no-restricted-syntax -- as many services do
            const handle = setInterval(() => undefined, 60_000);
            running.add(() => {
              clearInterval(handle);
            });
            subscriber.next('Alice');
            subscriber.complete();
          }),
        [timerOf(60_000)],
      ],
      'a subscription to a timer of RxJS': [
        () =>
          defer(() => {
            running.add(timer(30_000).subscribe());
            return timer(1);
          }),
        [timerOf(30_000)],
      ],
      'a source that ignores unsubscribing': [
        leakyValues,
        [
          {
            what: 'a source that still emits values',
            when: ['is unsubscribed at once'],
            fix: 'Stop it in the teardown: new Observable((subscriber) => { …; return () => stop(); }).',
          },
        ],
      ],
    };
    for (const [what, [service, left, options]] of Object.entries(leaky)) {
      it(what, async () => {
        const items = left.map(
          ({ what: item, when, fix }) => `- ${item}\n  when the service ${when.join(', ')}\n  ${fix}`,
        );
        expect(await leaksOf(service, options)).to.equal(
          [`expectNoLeaks: expected no leaks, got ${String(left.length)}:`, '', ...items].join('\n'),
        );
      });
    }
  });

  describe('rejects', () => {
    for (const [what, service, options, message] of [
      [
        'a service that fails instead of succeeding',
        () => throwError(() => new Error('boom')),
        {},
        'expectNoLeaks: expected the service to succeed, got Error: boom: pass a service and a fetch that succeed',
      ],
      [
        'a service that never ends',
        () => NEVER,
        { timeout: 1 },
        'expectNoLeaks: expected the service to end within 1 ms, got no end: pass a longer { timeout }',
      ],
      [
        'a service that sends no request and does not fail',
        () => of(1),
        {},
        'expectNoLeaks: expected the service to fail, got success: pass { fails: (ctx) => … }, or { fails: false } if it cannot fail',
      ],
      [
        'a service to fail that succeeds',
        profile,
        { fails: profile },
        'expectNoLeaks: expected the service to fail, got success: pass { fails: (ctx) => … }, or { fails: false } if it cannot fail',
      ],
      [
        'a service that is not a function',
        'profile',
        {},
        'expectNoLeaks: service: expected a service, got a string: pass (ctx) => …',
      ],
      [
        'a result that is neither an Observable nor a promise',
        () => 'Alice',
        {},
        'expectNoLeaks: expected the service to succeed, got TypeError: service: expected an Observable or a promise, got a string: wrap it in of(...) or fromAbortable(...): pass a service and a fetch that succeed',
      ],
    ] as const) {
      it(what, async () => {
        expect(await leaksOf(service as TestedService, options)).to.equal(message);
      });
    }
  });

  it("watches the platform's fetch, and fails its requests by default", async () => {
    const data = 'data:text/plain,Alice';
    const failures: unknown[] = [];
    const text = async (signal?: AbortSignal): Promise<string> =>
      (await globalThis.fetch(new Request(data), signal ? { signal } : {})).text();
    const noting = catchError((error: unknown) => {
      failures.push(error);
      return throwError(() => error);
    });
    await expectNoLeaks((ctx) => fromAbortable(ctx, text).pipe(noting));
    expect(failures.map(String)).to.include('TypeError: fetch failed');
    expect(await leaksOf(() => defer(() => text()))).to.contain(`GET ${data}, still in flight`);
  });

  it('restores the globals and the hook of RxJS', async () => {
    const globals = ['fetch', 'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] as const;
    const before = globals.map((name) => globalThis[name]);
    const kinds: string[] = [];
    const onStoppedNotification = ({ kind }: { kind: string }): void => void kinds.push(kind);
    config.onStoppedNotification = onStoppedNotification;
    try {
      await leaksOf(leakyValues);
      expect(config.onStoppedNotification).to.equal(onStoppedNotification);
      expect(kinds, 'the hook is still called').to.include('N');
    } finally {
      config.onStoppedNotification = null;
    }
    expect(globals.map((name) => globalThis[name])).to.deep.equal(before);
  });

  it('tests one service after the other in concurrent calls', async () => {
    let running = 0;
    let most = 0;
    const service = (): Observable<number> =>
      defer(() => {
        most = Math.max(most, ++running);
        return timer(1);
      }).pipe(finalize(() => running--));
    await Promise.all([expectNoLeaks(service, { fails: false }), expectNoLeaks(service, { fails: false })]);
    expect(most).to.equal(1);
  });

  it('does not report the leak of an earlier service again', async () => {
    const ticks = interval(1);
    const left = new Subscription();
    const leaky = (): Observable<unknown> =>
      new Observable((subscriber) => {
        left.add(
          ticks.subscribe((tick) => {
            subscriber.next(tick);
          }),
        );
        subscriber.next('Alice');
        subscriber.complete();
      });
    try {
      expect(await leaksOf(leaky)).to.contain('a source that still emits values');
      expect(await leaksOf(profile)).to.equal('none');
    } finally {
      left.unsubscribe();
    }
  });

  it('tests the next service after a failure', async () => {
    const [failed, passed] = await Promise.all([leaksOf(() => throwError(() => 1)), leaksOf(profile)]);
    expect(failed).to.contain('expected the service to succeed');
    expect(passed).to.equal('none');
  });
});

/** A leak in the message. */
interface Item {
  readonly what: string;
  readonly when: readonly string[];
  readonly fix: string;
}
