import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import {
  asyncScheduler,
  concat,
  delay,
  EMPTY,
  EmptyError,
  map,
  merge,
  NEVER,
  type Observable,
  of,
  switchMap,
  take,
  tap,
  timer,
} from 'rxjs';
import {
  aggregate,
  aggregateLatest,
  background,
  type Context,
  optional,
  withEvents,
  withTimeout,
} from '../../lib/index.ts';
import { deadlineAfter, marbles, recordEvents } from '../../lib/testing/index.ts';
import { notificationsOf } from '../support/failure.ts';
import { boom, exceeded, failed } from '../support/services.ts';

describe('aggregateLatest', () => {
  it('emits the values so far whenever a service emits, and completes when all have completed', () => {
    marbles(({ cold, expectObservable }) => {
      const a = cold('      --p--q|');
      const b = cold('      ---o|');
      const expected = '    --12-3|';
      const values = { 1: { a: 'p' }, 2: { a: 'p', b: 'o' }, 3: { a: 'q', b: 'o' } };
      expectObservable(aggregateLatest({ a: () => a, b: () => b })(background)).toBe(expected, values);
    });
  });

  it('emits a new record each time, with its keys in the order of the services', () => {
    const records: object[] = [];
    marbles(({ flush }) => {
      aggregateLatest({ a: () => timer(1), b: () => of(2) })(background).subscribe((record) => records.push(record));
      flush();
    });
    expect(records).to.deep.equal([{ b: 2 }, { a: 0, b: 2 }]);
    expect(Object.keys(records[1]!)).to.deep.equal(['a', 'b']);
  });

  it('completes at once without services, and emits tuples for a tuple', () => {
    expect(notificationsOf(aggregateLatest({})(background))).to.deep.equal([{}, 'complete']);
    expect(notificationsOf(aggregateLatest([() => of(1), () => of(2)])(background))).to.deep.equal([
      [1],
      [1, 2],
      'complete',
    ]);
  });

  it('fails fast', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('--p-------');
      const b = cold('----#', undefined, boom);
      const run = aggregateLatest({ a: () => a, b: () => b })(background);
      expectObservable(run).toBe('--p-#', { p: { a: 'p' } }, failed('b', 4));
      expectSubscriptions(a.subscriptions).toBe('^---!');
    });
  });

  it('fails when a service completes without a value', () => {
    const [error] = notificationsOf(aggregateLatest({ a: () => EMPTY })(background));
    expect(error).to.have.property('cause').that.is.instanceOf(EmptyError);
  });

  it('cancels what runs, and calls no further service, when its subscriber unsubscribes on a value', () => {
    const { next, brief } = recordEvents();
    const run = aggregateLatest({ a: () => of(1), b: () => NEVER }, withEvents({ next }))(background);
    expect(notificationsOf(run.pipe(take(1)))).to.deep.equal([{ a: 1 }, 'complete']);
    expect(brief()).to.deep.equal(['started', 'started a', 'canceled a', 'canceled']);
  });

  it('infers a part of the record', () => {
    expectTypeOf(aggregateLatest({ a: () => of(1) })(background)).toEqualTypeOf<Observable<Partial<{ a: number }>>>();
  });

  describe('with a timeout', () => {
    /** Emits `p` for each record. */
    const marked = (run: Observable<unknown>): Observable<string> => run.pipe(map(() => 'p'));

    it('bounds the time until each service has emitted once, and no longer', () => {
      marbles(({ cold, expectObservable }) => {
        const ticks = cold('999ms a 9s b|');
        const run = (b: Observable<unknown>): Observable<string> =>
          marked(aggregateLatest({ ticks: () => ticks, b: () => b }, withTimeout(1_000))(background));
        expectObservable(run(of(1))).toBe('p 998ms p 9s p|');
        expectObservable(run(NEVER)).toBe('999ms p #', undefined, exceeded(1_000, 'b'));
        expectObservable(run(timer(1_000))).toBe('999ms p p 8999ms p|');
      });
    });

    it('gives its services no deadline, which would pass while they go on emitting', () => {
      marbles(({ expectObservable }) => {
        const poll = aggregate({ n: () => of('b') });
        const polling = (ctx: Context): Observable<{ n: string }> =>
          timer(0, 900).pipe(
            switchMap(() => poll(ctx)),
            take(3),
          );
        const page = aggregateLatest({ polling }, withTimeout(1_000))(background);
        expectObservable(page.pipe(map((record) => record.polling?.n))).toBe('b 899ms b 899ms (b|)');
        const never = aggregate({ n: () => NEVER });
        const stuck = aggregateLatest({ page: (ctx) => concat(of('cached'), never(ctx)) }, withTimeout(1_000));
        const error = failed('page', 30_000, exceeded(30_000, 'n'));
        expectObservable(marked(stuck(background))).toBe('p 29999ms #', undefined, error);
      });
    });

    it('reports the deadline of a nested run while its own timer runs', () => {
      marbles(({ expectObservable }) => {
        const inner = aggregate({ orders: () => NEVER });
        const settled = (ctx: Context): Observable<unknown> => optional(inner)(ctx);
        for (const user of [inner, settled]) {
          expectObservable(aggregateLatest({ user })(background)).toBe('30s #', undefined, exceeded(30_000, 'user'));
          const short = aggregateLatest({ user }, withTimeout(1_000));
          expectObservable(short(background)).toBe('1s #', undefined, exceeded(1_000, 'user'));
          expectObservable(short(deadlineAfter(200))).toBe('200ms #', undefined, exceeded(200, 'user'));
          const outer = aggregateLatest({ user: aggregateLatest({ user }) }, withTimeout(1_000));
          expectObservable(outer(background)).toBe('1s #', undefined, exceeded(1_000, 'user'));
        }
      });
    });

    it('leaves the deadline of a nested run to that run once its own timer has stopped', () => {
      marbles(({ expectObservable }) => {
        const inner = aggregate({ orders: () => NEVER }, withTimeout(2_000));
        const user = (ctx: Context): Observable<unknown> => merge(of('cached').pipe(delay(500)), inner(ctx));
        const run = aggregateLatest({ user }, withTimeout(1_000));
        const through = aggregateLatest({ page: aggregateLatest({ user }) }, withTimeout(1_000));
        const late = exceeded(2_000, 'orders');
        expectObservable(marked(run(background))).toBe('500ms p 1499ms #', undefined, failed('user', 2_000, late));
        expectObservable(marked(through(background))).toBe(
          '500ms p 1499ms #',
          undefined,
          failed('page.user', 2_000, late),
        );
      });
    });

    it('lets the value of a nested run win that was scheduled first, at the very deadline', () => {
      marbles(({ expectObservable }) => {
        const inner = aggregate({ orders: () => timer(1_000) }, withTimeout(1_000));
        const user = (ctx: Context): Observable<unknown> => merge(of('cached'), inner(ctx));
        const run = aggregateLatest({ first: () => timer(1_000), user }, withTimeout(1_000))(background);
        expectObservable(run).toBe('a 999ms (bc|)', {
          a: { user: 'cached' },
          b: { first: 0, user: 'cached' },
          c: { first: 0, user: { orders: 0 } },
        });
      });
    });

    it('lets a nested run go on for what is left of its timeout, though the wall clock has jumped', () => {
      const { now } = asyncScheduler;
      try {
        marbles(({ expectObservable }) => {
          const virtual = asyncScheduler.now.bind(asyncScheduler);
          const jump = timer(20).pipe(tap(() => (asyncScheduler.now = () => virtual() + 3_600_000)));
          const inner = aggregate({ orders: () => timer(100) }, withTimeout(500));
          const user = (ctx: Context): Observable<unknown> => merge(of('cached').pipe(delay(50)), inner(ctx));
          jump.subscribe();
          expectObservable(marked(aggregateLatest({ user }, withTimeout(500))(background))).toBe('50ms p 49ms (p|)');
        });
      } finally {
        asyncScheduler.now = now;
      }
    });
  });
});
