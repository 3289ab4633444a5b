import { expect } from 'chai';
import fc from 'fast-check';
import {
  asyncScheduler,
  concat,
  concatMap,
  merge,
  mergeMap,
  NEVER,
  type Observable,
  of,
  retry,
  takeUntil,
  timer,
} from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  type AggregateOption,
  type Context,
  fetchEvents,
  fetchJson,
  fetchLines,
  fetchText,
  hedge,
  perRun,
  singleFlight,
  withDeadlineHeader,
  withTimeout,
} from '../../lib/index.ts';
import { deadlineAfter, marbles } from '../../lib/testing/index.ts';

type Sent = readonly [frame: number, header: string | null];

/** The times at which a request was sent in virtual time, and the header of each. The transport never answers, or throws. */
function sentBy(
  start: (ctx: Context) => void,
  { name = 'grpc-timeout', fails = false }: { readonly name?: string; readonly fails?: boolean } = {},
): readonly Sent[] {
  const sent: Sent[] = [];
  const fetch = (_url: URL, { headers }: RequestInit): Promise<Response> => {
    sent.push([asyncScheduler.now(), new Headers(headers).get(name)]);
    if (fails) throw new Error('down');
    return new Promise(() => undefined);
  };
  marbles(({ flush }) => {
    start({ fetch });
    flush();
  });
  return sent;
}

const url = 'http://api.test/';
const name = (ctx: Context): ReturnType<typeof fetchText> => fetchText(ctx, url);
const subscribe = (service: (ctx: Context) => ReturnType<ReturnType<typeof aggregate>>) => (ctx: Context) => {
  service(ctx).subscribe({ error: () => undefined });
};
const run = (service: (ctx: Context) => unknown, ...options: AggregateOption[]): ((ctx: Context) => void) =>
  subscribe(aggregate({ service: service as typeof name }, ...options));

describe('withDeadlineHeader', () => {
  it('sends the time that is left when the request is sent', () => {
    const late = (ctx: Context) => timer(200).pipe(concatMap(() => name(ctx)));
    expect(sentBy(run(late, withTimeout(1_000), withDeadlineHeader()))).to.deep.equal([[200, '800000u']]);
    expect(
      sentBy(run(late, withTimeout(1_000), withDeadlineHeader('X-Request-Timeout-Ms')), {
        name: 'x-request-timeout-ms',
      }),
    ).to.deep.equal([[200, '800']]);
  });

  it('sends less with each retry and each hedge', () => {
    const retrying = (ctx: Context) => name(ctx).pipe(retry({ count: 2, delay: 300 }));
    expect(sentBy(run(retrying, withTimeout(1_000), withDeadlineHeader()), { fails: true })).to.deep.equal([
      [0, '1000000u'],
      [300, '700000u'],
      [600, '400000u'],
    ]);
    const hedging = (ctx: Context) => name(ctx).pipe(hedge({ after: 400 }));
    expect(sentBy(run(hedging, withTimeout(1_000), withDeadlineHeader()))).to.deep.equal([
      [0, '1000000u'],
      [400, '600000u'],
    ]);
  });

  it('is inherited by nested aggregates, whose own option and sooner deadline win', () => {
    const inner = aggregate({ name });
    const each = aggregateEach(name);
    const hasty = aggregate({ name }, withTimeout(50));
    expect(sentBy(run(inner, withTimeout(1_000), withDeadlineHeader()))).to.deep.equal([[0, '1000000u']]);
    expect(sentBy(run((ctx) => each(ctx, [1]), withTimeout(1_000), withDeadlineHeader()))).to.deep.equal([
      [0, '1000000u'],
    ]);
    expect(sentBy(run(hasty, withTimeout(1_000), withDeadlineHeader()))).to.deep.equal([[0, '50000000n']]);
    const other = aggregate({ name }, withDeadlineHeader('x-left'));
    expect(sentBy(run(other, withTimeout(9), withDeadlineHeader()), { name: 'x-left' })).to.deep.equal([[0, '9']]);
    expect(sentBy(run(other, withTimeout(9), withDeadlineHeader()))).to.deep.equal([[0, null]]);
  });

  it('sends the sooner deadline of the context and of the run', () => {
    const options = [withTimeout(80), withDeadlineHeader()] as const;
    expect(sentBy(run((ctx) => name({ ...ctx, ...deadlineAfter(30) }), ...options))[0]?.[1]).to.equal('30000000n');
    expect(sentBy(run((ctx) => name({ ...ctx, deadline: Infinity }), ...options))[0]?.[1]).to.equal('80000000n');
    expect(sentBy(run(({ signal, fetch }) => name({ signal, fetch }), ...options))[0]?.[1]).to.equal('80000000n');
    expect(sentBy(run((ctx) => name({ ...ctx, signal: undefined }), ...options))[0]?.[1]).to.equal('80000000n');
  });

  it('sends the time that an aggregateLatest has left for its first values, and none once they have come', () => {
    const polling = (ctx: Context) => timer(0, 300).pipe(mergeMap((count) => merge(of(count), name(ctx))));
    const late = () => concat(timer(400), NEVER);
    const options = [withTimeout(1_000), withDeadlineHeader('x-left')] as const;
    const sentBefore700 = (service: (ctx: Context) => Observable<unknown>) =>
      sentBy(
        (ctx) =>
          service(ctx)
            .pipe(takeUntil(timer(700)))
            .subscribe(),
        { name: 'x-left' },
      );
    expect(sentBefore700(aggregateLatest({ polling, late }, ...options))).to.deep.equal([
      [0, '1000'],
      [300, '700'],
      [600, null],
    ]);
    const nested = aggregate({ name }, withTimeout(9_000));
    expect(sentBefore700(aggregateLatest({ nested }, ...options))).to.deep.equal([[0, '1000']]);
  });

  it('sends no timeout of an aggregateLatest with a stream, which goes on after it', () => {
    for (const request of [fetchLines, fetchEvents]) {
      const feed = (ctx: Context) => request(ctx, 'http://api.test/');
      const options = [withTimeout(80), withDeadlineHeader()] as const;
      const latest = aggregateLatest({ feed }, ...options);
      expect(sentBy(subscribe(latest))).to.deep.equal([[0, null]]);
      expect(sentBy(subscribe((ctx: Context) => latest({ ...ctx, ...deadlineAfter(30) })))).to.deep.equal([
        [0, '30000000n'],
      ]);
      expect(sentBy(run(feed, ...options))).to.deep.equal([[0, '80000000n']]);
    }
  });

  it('sends nothing without a deadline, without the option, and outside of the run', () => {
    const none = withTimeout(Infinity);
    expect(sentBy(run(name, none, withDeadlineHeader()))).to.deep.equal([[0, null]]);
    expect(sentBy(run(name, withTimeout(1_000)))).to.deep.equal([[0, null]]);
    expect(sentBy((ctx) => name({ ...ctx, ...deadlineAfter(100) }).subscribe())).to.deep.equal([[0, null]]);
    expect(sentBy(run(singleFlight(name), withTimeout(1_000), withDeadlineHeader()))).to.deep.equal([[0, null]]);
    expect(
      sentBy((ctx) => {
        let kept: Context = ctx;
        aggregate({ a: (inner) => of((kept = inner)) }, withDeadlineHeader())(ctx).subscribe();
        name(kept).subscribe();
      }),
    ).to.deep.equal([[0, null]]);
  });

  it('sends no request when the deadline has passed', () => {
    const late = (ctx: Context) => timer(500).pipe(concatMap(() => name(ctx)));
    expect(sentBy(run(late, withTimeout(400), withDeadlineHeader()))).to.deep.equal([]);
    expect(
      sentBy((ctx) => {
        run(name, withDeadlineHeader())({ ...ctx, ...deadlineAfter(0) });
      }),
    ).to.deep.equal([]);
  });

  it('belongs to the root run where calls are shared', () => {
    const shared = perRun(name);
    const page = aggregate({ a: shared, b: aggregate({ shared }) }, withTimeout(1_000), withDeadlineHeader());
    expect(sentBy((ctx) => page(ctx).subscribe({ error: () => undefined }))).to.deep.equal([[0, '1000000u']]);
  });

  it('loses against a header of init, and wins against a forwarded one', () => {
    const options = [withTimeout(60), withDeadlineHeader()] as const;
    const own = (ctx: Context) => fetchJson(ctx, url, { headers: { 'Grpc-Timeout': '7S' } });
    expect(sentBy(run(own, ...options))[0]?.[1]).to.equal('7S');
    const forwarding = (ctx: Context) => name({ ...ctx, propagate: { 'GRPC-Timeout': '9S' } });
    expect(sentBy(run(forwarding, ...options))[0]?.[1]).to.equal('60000000n');
    expect(sentBy(run(forwarding, withTimeout(60)))[0]?.[1]).to.equal('9S');
  });

  /** The header of a request that is sent `ms` milliseconds before the deadline. */
  const headerAt = (ms: number, header: string): string | null | undefined =>
    sentBy(
      (ctx) => {
        const page = aggregate({ name }, withTimeout(Infinity), withDeadlineHeader(header));
        const subscription = page({ ...ctx, deadline: asyncScheduler.now() + ms }).subscribe({
          error: () => undefined,
        });
        asyncScheduler.schedule(() => {
          subscription.unsubscribe(); // virtual time ends
        }, 0);
      },
      { name: header },
    )[0]?.[1];

  for (const [ms, header] of [
    [0.0000001, '1n'],
    [0.0005, '500n'],
    [99, '99000000n'],
    [99.999999, '99999999n'],
    [100, '100000u'],
    [99_999.999, '99999999u'],
    [100_000, '100000m'],
    [99_999_999, '99999999m'],
    [100_000_000, '100000S'],
    [100_000_999, '100000S'],
    [99_999_999_999, '99999999S'],
    [100_000_000_000, '1666666M'],
    [1e15, '99999999H'],
    [Number.MAX_VALUE, '99999999H'],
  ] as const) {
    it(`says ${header} for ${String(ms)} ms`, () => {
      expect(headerAt(ms, 'grpc-timeout')).to.equal(header);
    });
  }

  for (const [ms, header] of [
    [0.2, '1'],
    [1, '1'],
    [1.9, '1'],
    [2_147_483_648, '2147483648'],
    [1e12, '9999999999'],
    [Number.MAX_VALUE, '9999999999'],
  ] as const) {
    it(`says ${header} for ${String(ms)} ms, as an integer`, () => {
      expect(headerAt(ms, 'connect-timeout-ms')).to.equal(header);
    });
  }

  it('never says more than the time that is left, in a valid header', () => {
    const units: Readonly<Record<string, number>> = { H: 3.6e6, M: 6e4, S: 1e3, m: 1, u: 1e-3, n: 1e-6 };
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e14, noNaN: true }), (ms) => {
        const [, digits = '', unit = ''] = /^([1-9]\d{0,7})([HMSmun])$/.exec(headerAt(ms, 'grpc-timeout') ?? '') ?? [];
        const said = Number(digits) * (units[unit] ?? NaN);
        expect(said)
          .to.be.at.most(ms * (1 + 1e-9))
          .and.at.least(ms * 0.98 - 1e-6 - (unit === 'n' ? 1e-6 : 0));
      }),
      { numRuns: 200 },
    );
  });

  for (const wrong of ['', ' ', 'a b', 'a:', 'ä', 'a\n', 'Keep-Alive', 'content-length', 'expect', 42, null, {}]) {
    it(`rejects the name ${JSON.stringify(wrong)}`, () => {
      expect(() => withDeadlineHeader(wrong as string)).to.throw(
        TypeError,
        /^withDeadlineHeader: expected the name of a header that fetch can send, got .+: pass 'grpc-timeout', for example$/,
      );
    });
  }
});
