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
  settle,
  silent,
  singleFlight,
  withLogger,
} from '../../lib/index.ts';
import { expectNoLeaks, fakeFetch, type LeakOptions } from '../../lib/testing/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

type Ask = (ctx: Context) => Observable<unknown>;

const url = 'http://api.test/profiles/42';
const fetch = fakeFetch({
  '/profiles/42': { name: 'Alice' },
  '/slow': of({ name: 'Alice' }).pipe(delay(1)),
  '/down': new Response('try later', { status: 503 }),
});
const profile: Ask = (ctx) => fetchJson(ctx, url);
const quiet = withLogger(silent);

async function leaksOf(service: Ask, options: LeakOptions = { fails: false }): Promise<string> {
  return expectNoLeaks(service, { fetch, ...options }).then(
    () => 'nothing',
    (error: unknown) => (error as Error).message,
  );
}

/** What a hand-made service does with its transport. */
function handMade(ctx: Context, init: RequestInit, from = url): Observable<unknown> {
  return new Observable((subscriber) => {
    const ask = async (): Promise<void> => {
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
    void ask();
  });
}

/** Emits whether or not anybody listens. */
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

  describe('finds nothing in', () => {
    const clean: Readonly<Record<string, readonly [service: Ask, options?: LeakOptions]>> = {
      fetchJson: [profile],
      'fetchJson of what takes its time': [(ctx) => fetchJson(ctx, 'http://api.test/slow')],
      'fetchJson of what answers 503': [profile, { fails: (ctx) => fetchJson(ctx, 'http://api.test/down') }],
      fromAbortable: [
        (ctx) =>
          fromAbortable(ctx, async (signal) => ((await ctx.fetch!(new URL(url), { signal })) as Response).text()),
      ],
      aggregate: [aggregate({ profile, orders: () => timer(1) }, quiet)],
      'an aggregate in an aggregate': [aggregate({ page: aggregate({ profile }, quiet) }, quiet)],
      'retry and backoff': [
        (ctx) => profile(ctx).pipe(retry({ count: 2, delay: backoff(ctx, { initialDelay: 1, jitter: 'none' }) })),
      ],
      hedge: [(ctx) => profile(ctx).pipe(hedge({ after: 0 }))],
      bulkhead: [(ctx) => profile(ctx).pipe(bulkhead(1))],
      singleFlight: [singleFlight(profile)],
      perRun: [aggregate({ a: perRun(profile), b: profile }, quiet)],
      'a failure that is settled': [(ctx) => profile(ctx).pipe(settle())],
      'what RxJS ends by itself': [
        () => timer(1).pipe(map((tick) => tick + 1)),
        { fails: () => throwError(() => 'no') },
      ],
      'a listener that goes with a signal of its own': [
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
      'a body that nobody reads, of a request that is aborted': [
        (ctx) =>
          new Observable((subscriber) => {
            const own = new AbortController();
            const ask = async (): Promise<void> => {
              await ctx.fetch!(new URL(url), { signal: own.signal }).then(undefined, () => undefined);
              subscriber.complete();
            };
            if (ctx.signal?.aborted !== true) void ask();
            return () => {
              own.abort();
            };
          }),
      ],
      'a timer that is closed, or cleared by its number': [
        () =>
          new Observable((subscriber) => {
            const later = (): ReturnType<typeof setTimeout> =>
              // eslint-disable-next-line no-restricted-syntax -- as people do
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
      'a promise of a timer that is over soon': [
        () =>
          defer(async () => {
            await new Promise((resolve) => {
              // eslint-disable-next-line no-restricted-syntax -- as people do
              setTimeout(resolve, 1);
            });
          }),
        { fails: false },
      ],
      'several values at once, of which one is enough': [
        () =>
          new Observable((subscriber) => {
            for (const value of [1, 2]) subscriber.next(value);
            subscriber.complete();
          }).pipe(take(1)),
        { fails: false },
      ],
      'several values at once': [
        () =>
          new Observable((subscriber) => {
            for (const value of [1, 2]) subscriber.next(value);
            subscriber.complete();
          }),
        { fails: false },
      ],
      'what is there already': [() => of('Alice'), { fails: false }],
    };
    for (const [what, [service, options = {}]] of Object.entries(clean)) {
      it(what, async () => {
        await expectNoLeaks(service, { fetch, ...options });
      });
    }
  });

  describe('says what is left by', () => {
    /** What the leaky services would keep the process alive with. */
    const running = new Subscription();
    after(() => {
      running.unsubscribe();
    });
    const asAbortable = 'as fetchJson does, and fromAbortable(ctx, (signal) => …) for whatever takes a signal.';
    const unsubscribed = ['is unsubscribed at once', 'is unsubscribed while it runs'];
    const always = [
      'succeeds',
      'is asked on an aborted signal',
      ...unsubscribed,
      'is unsubscribed at its first value',
      'is aborted while it runs',
    ];
    const listener: Item = {
      what: 'a listener on ctx.signal',
      when: ['succeeds', ...unsubscribed, 'is unsubscribed at its first value'],
      fix: `Remove it in the teardown, ${asAbortable}`,
    };
    const asked = (what: string, when: readonly string[]): Item => ({
      what: `GET ${url}, asked ${what}`,
      when,
      fix: `Ask no more when it is over or aborted, ${asAbortable}`,
    });
    const though = (...when: string[]): Item =>
      asked('though ctx.signal had aborted', ['is asked on an aborted signal', ...when]);
    const inFlight = (...when: string[]): Item => ({
      what: `GET ${url}, in flight`,
      when: [...unsubscribed, ...when],
      fix: `Abort it in the teardown, ${asAbortable}`,
    });
    const timerOf = (ms: number): Item => ({
      what: `a timer of ${String(ms)} ms`,
      when: always,
      fix: 'Clear it in the teardown, or make it of timer and interval of RxJS, and unsubscribe from those.',
    });

    const leaky: Readonly<Record<string, readonly [service: Ask, left: readonly Item[], options?: LeakOptions]>> = {
      'a listener that is not removed': [
        (ctx) => {
          ctx.signal?.addEventListener('abort', () => undefined);
          return of('Alice');
        },
        [listener],
      ],
      'a listener that works on when the caller leaves': [
        (ctx) => {
          ctx.signal?.addEventListener('abort', () => void ctx.fetch!(new URL(url), {}));
          return of('Alice');
        },
        [
          listener,
          asked(
            'though ctx.signal had aborted',
            always.filter((when) => !when.includes('asked')),
          ),
        ],
      ],
      'a handler that stays': [
        (ctx) => {
          ctx.signal!.onabort = () => undefined;
          return of('Alice');
        },
        [listener],
      ],
      'a request that nothing cancels': [(ctx) => handMade(ctx, {}), [though(), inFlight('is aborted while it runs')]],
      'a request that only the signal of the caller cancels': [
        (ctx) => handMade(ctx, { signal: ctx.signal! }),
        [though(), inFlight()],
      ],
      'a request that does not heed the context': [(ctx) => fetchJson({ fetch: ctx.fetch }, url), [though()]],
      'a retry that the abort wakes': [
        (ctx) => handMade(ctx, { signal: ctx.signal! }).pipe(retry(1)),
        [though('is aborted while it runs'), inFlight()],
      ],
      'a request that is made after the end': [
        (ctx) =>
          new Observable((subscriber) => {
            subscriber.next('Alice');
            subscriber.complete();
            return () => void ctx.fetch!(new URL(url), {});
          }),
        [
          asked(
            'after it was over',
            always.filter((when) => !when.includes('asked')),
          ),
          though(),
        ],
      ],
      'a body that nobody reads': [
        profile,
        [
          {
            what: 'the body of GET http://api.test/down, unread, and its connection with it',
            when: ['fails'],
            fix: 'Read it or cancel it (response.body?.cancel()) before failing, as fetchJson does.',
          },
        ],
        { fails: (ctx) => handMade(ctx, {}, 'http://api.test/down') },
      ],
      'an interval that is not cleared': [
        () =>
          new Observable((subscriber) => {
            // eslint-disable-next-line no-restricted-syntax -- as people do
            const handle = setInterval(() => undefined, 60_000);
            running.add(() => {
              clearInterval(handle);
            });
            subscriber.next('Alice');
            subscriber.complete();
          }),
        [timerOf(60_000)],
      ],
      'a timer of RxJS that nobody unsubscribes': [
        () =>
          defer(() => {
            running.add(timer(30_000).subscribe());
            return timer(1);
          }),
        [timerOf(30_000)],
      ],
      'values that nobody stops': [
        leakyValues,
        [
          {
            what: 'something that still emits values',
            when: ['is unsubscribed at once'],
            fix: 'Stop it in the teardown: new Observable((subscriber) => { …; return () => stop(); })',
          },
        ],
      ],
    };
    for (const [what, [service, left, options]] of Object.entries(leaky)) {
      it(what, async () => {
        const items = left.map(({ what: item, when, fix }) => `- ${item}\n  when it ${when.join(', ')}\n  ${fix}`);
        expect(await leaksOf(service, options)).to.equal(
          ['The service leaves something behind:', '', ...items].join('\n'),
        );
      });
    }
  });

  describe('refuses', () => {
    for (const [what, service, options, message] of [
      [
        'a service that fails where it is to succeed',
        () => throwError(() => new Error('boom')),
        {},
        'expectNoLeaks: the service failed where it was to succeed: Error: boom',
      ],
      [
        'a service that never ends',
        () => NEVER,
        { within: 1 },
        'expectNoLeaks: the service did not end within 1 ms: { within } may be more',
      ],
      [
        'a service that it cannot let fail',
        () => of(1),
        {},
        'expectNoLeaks: the service succeeded where it was to fail: give { fails: (ctx) => … }, or { fails: false } where it cannot',
      ],
      [
        'a failing service that succeeds',
        profile,
        { fails: profile },
        'expectNoLeaks: the service succeeded where it was to fail: give { fails: (ctx) => … }, or { fails: false } where it cannot',
      ],
      ['what is no service', 'profile', {}, 'expectNoLeaks: a service, not a string'],
      [
        'an answer that is no Observable',
        () => 'Alice',
        {},
        'expectNoLeaks: the service failed where it was to succeed: TypeError: expected an Observable or a promise, got a string: wrap it in of(...) or fromAbortable(...)',
      ],
    ] as const) {
      it(what, async () => {
        expect(await leaksOf(service as Ask, options)).to.equal(message);
      });
    }
  });

  it("watches the platform's fetch too, and lets its requests fail where it is not told how", async () => {
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
    expect(await leaksOf(() => defer(() => text()))).to.contain(`GET ${data}, in flight`);
  });

  it('puts back what it watched', async () => {
    const globals = ['fetch', 'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] as const;
    const before = globals.map((name) => globalThis[name]);
    const told: string[] = [];
    const onStoppedNotification = ({ kind }: { kind: string }): void => void told.push(kind);
    config.onStoppedNotification = onStoppedNotification;
    try {
      await leaksOf(leakyValues);
      expect(config.onStoppedNotification).to.equal(onStoppedNotification);
      expect(told, 'it is told meanwhile').to.include('N');
    } finally {
      config.onStoppedNotification = null;
    }
    expect(globals.map((name) => globalThis[name])).to.deep.equal(before);
  });

  it('asks one service after the other, whoever calls', async () => {
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

  it('does not hold against a service what another has left behind', async () => {
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
      expect(await leaksOf(leaky)).to.contain('something that still emits values');
      expect(await leaksOf(profile)).to.equal('nothing');
    } finally {
      left.unsubscribe();
    }
  });

  it('goes on after a failure', async () => {
    const [failed, passed] = await Promise.all([leaksOf(() => throwError(() => 1)), leaksOf(profile)]);
    expect(failed).to.contain('failed where it was to succeed');
    expect(passed).to.equal('nothing');
  });
});

/** Something that is left behind, as the message has it. */
interface Item {
  readonly what: string;
  readonly when: readonly string[];
  readonly fix: string;
}
