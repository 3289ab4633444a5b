import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import {
  asyncScheduler,
  concat,
  delay,
  EMPTY,
  finalize,
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
  DeadlineExceededError,
  ServiceError,
  settle,
  silent,
  withEvents,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { deadlineAfter, marbles, recordEvents } from '../../lib/testing/index.ts';

const quiet = withLogger(silent);
const boom = new Error('boom');

describe('aggregateLatest', () => {
  it('emits the growing picture, and completes when all have', () => {
    marbles(({ cold, expectObservable }) => {
      const a = cold('--p--q|');
      const b = cold('---o|');
      expectObservable(aggregateLatest({ a: () => a, b: () => b }, quiet)(background)).toBe(
        '--123-(|)'.replace('123', '12-3').slice(0, 6) + '|',
        {
          1: { a: 'p' },
          2: { a: 'p', b: 'o' },
          3: { a: 'q', b: 'o' },
        },
      );
    });
  });

  it('makes each picture anew, in the order of the services', () => {
    const seen: object[] = [];
    aggregateLatest({ a: () => timer(1), b: () => of(2) }, quiet);
    marbles(({ flush }) => {
      aggregateLatest(
        { a: () => timer(1), b: () => of(2) },
        quiet,
      )(background).subscribe((picture) => seen.push(picture));
      flush();
    });
    expect(seen).to.deep.equal([{ b: 2 }, { a: 0, b: 2 }]);
    expect(Object.keys(seen[1]!)).to.deep.equal(['a', 'b']);
  });

  it('fails fast', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('--p-------');
      const b = cold('----#', undefined, boom);
      expectObservable(aggregateLatest({ a: () => a, b: () => b }, quiet)(background)).toBe(
        '--p-#',
        { p: { a: 'p' } },
        new ServiceError({ service: 'b', elapsed: 4, cause: boom }),
      );
      expectSubscriptions(a.subscriptions).toBe('^---!');
    });
  });

  it('bounds the time until each has emitted once, and no longer', () => {
    marbles(({ cold, expectObservable }) => {
      const ticks = cold('999ms a 9s b|');
      const ask = (b: Observable<unknown>): Observable<unknown> =>
        aggregateLatest({ ticks: () => ticks, b: () => b }, quiet, withTimeout(1_000))(background);
      expectObservable(ask(of(1)).pipe(map(() => 'p'))).toBe('p 998ms p 9s p|');
      const late = new DeadlineExceededError({ pending: ['b'], elapsed: 1_000 });
      expectObservable(ask(NEVER).pipe(map(() => 'p'))).toBe('999ms p #', undefined, late);
      expectObservable(ask(timer(1_000)).pipe(map(() => 'p'))).toBe('999ms p p 8999ms p|');
    });
  });

  it('hands no deadline of its own on, which would have passed while it grows', () => {
    marbles(({ expectObservable }) => {
      const poll = aggregate({ n: () => of('b') }, quiet);
      const page = aggregateLatest(
        {
          poll: (ctx) =>
            timer(0, 900).pipe(
              switchMap(() => poll(ctx)),
              take(3),
            ),
        },
        quiet,
        withTimeout(1_000),
      );
      expectObservable(page(background).pipe(map(({ poll: answer }) => answer?.n))).toBe('b 899ms b 899ms (b|)');
      const stuck = aggregateLatest(
        { page: (ctx) => concat(of('cached'), aggregate({ n: () => NEVER }, quiet)(ctx)) },
        quiet,
        withTimeout(1_000),
      );
      const error = new ServiceError({
        service: 'page',
        elapsed: 30_000,
        cause: new DeadlineExceededError({ pending: ['n'], elapsed: 30_000 }),
      });
      expectObservable(stuck(background).pipe(map(() => 'p'))).toBe('p 29999ms #', undefined, error);
    });
  });

  it('is left the deadline of a nested run while its clock runs, as any outer run is', () => {
    marbles(({ expectObservable }) => {
      const inner = aggregate({ orders: () => NEVER }, quiet);
      const settled = (ctx: Context): Observable<unknown> => inner(ctx).pipe(settle());
      const late = (elapsed: number) => new DeadlineExceededError({ pending: ['user'], elapsed });
      for (const user of [inner, settled]) {
        expectObservable(aggregateLatest({ user }, quiet)(background)).toBe('30s #', undefined, late(30_000));
        const short = aggregateLatest({ user }, quiet, withTimeout(1_000));
        expectObservable(short(background)).toBe('1s #', undefined, late(1_000));
        expectObservable(short(deadlineAfter(200))).toBe('200ms #', undefined, late(200));
        const outer = aggregateLatest({ user: aggregateLatest({ user }, quiet) }, quiet, withTimeout(1_000));
        expectObservable(outer(background)).toBe('1s #', undefined, late(1_000));
      }
    });
  });

  it('gives it back when its clock stops', () => {
    marbles(({ expectObservable }) => {
      const inner = aggregate({ orders: () => NEVER }, quiet, withTimeout(2_000));
      const user = (ctx: Context): Observable<unknown> => merge(of('cached').pipe(delay(500)), inner(ctx));
      const error = (service: string) =>
        new ServiceError({
          service,
          elapsed: 2_000,
          cause: new DeadlineExceededError({ pending: ['orders'], elapsed: 2_000 }),
        });
      const ask = aggregateLatest({ user }, quiet, withTimeout(1_000));
      expectObservable(ask(background).pipe(map(() => 'p'))).toBe('500ms p 1499ms #', undefined, error('user'));
      const through = aggregateLatest({ page: aggregateLatest({ user }, quiet) }, quiet, withTimeout(1_000));
      expectObservable(through(background).pipe(map(() => 'p'))).toBe(
        '500ms p 1499ms #',
        undefined,
        error('page.user'),
      );
    });
  });

  it('gives it back at the very deadline: what was scheduled first wins there too', () => {
    marbles(({ expectObservable }) => {
      const inner = aggregate({ orders: () => timer(1_000) }, quiet, withTimeout(1_000));
      const user = (ctx: Context): Observable<unknown> => merge(of('cached'), inner(ctx));
      const ask = aggregateLatest({ first: () => timer(1_000), user }, quiet, withTimeout(1_000));
      expectObservable(ask(background)).toBe('a 999ms (bc|)', {
        a: { user: 'cached' },
        b: { first: 0, user: 'cached' },
        c: { first: 0, user: { orders: 0 } },
      });
    });
  });

  it('gives back what is left, and not what the wall clock says, which may have jumped', () => {
    marbles(({ expectObservable }) => {
      const jump = timer(20).pipe(
        tap(() => {
          const { now } = asyncScheduler;
          jumped = () => (asyncScheduler.now = now);
          asyncScheduler.now = () => now() + 3_600_000;
        }),
      );
      let jumped = (): unknown => undefined;
      const inner = aggregate({ orders: () => timer(100) }, quiet, withTimeout(500));
      const user = (ctx: Context): Observable<unknown> => merge(of('cached').pipe(delay(50)), inner(ctx));
      const ask = aggregateLatest(
        { user },
        quiet,
        withTimeout(500),
      )(background).pipe(
        map(() => 'p'),
        finalize(() => jumped()),
      );
      jump.subscribe();
      expectObservable(ask).toBe('50ms p 49ms (p|)');
    });
  });

  it('takes what aggregate takes', () => {
    const told: unknown[] = [];
    const see = (source: Observable<unknown>): number => (
      source.subscribe({
        next: (value) => told.push(value),
        error: (error: unknown) => told.push(error),
        complete: () => told.push('complete'),
      }),
      0
    );
    see(aggregateLatest({})(background));
    see(aggregateLatest([() => of(1), () => of(2)])(background));
    see(aggregateLatest({ a: () => EMPTY }, quiet)(background));
    expect(told.slice(0, 5)).to.deep.equal([{}, 'complete', [1], [1, 2], 'complete']);
    expect(told[5]).to.be.instanceOf(ServiceError).and.have.property('cause').that.has.property('name', 'EmptyError');
  });

  it('ends what still runs when its subscriber has seen enough', () => {
    const { next, brief } = recordEvents();
    const seen: unknown[] = [];
    aggregateLatest(
      { a: () => of(1), b: () => NEVER },
      quiet,
      withEvents({ next }),
    )(background)
      .pipe(take(1))
      .subscribe((picture) => seen.push(picture));
    expect(seen).to.deep.equal([{ a: 1 }]);
    expect(brief().at(-1)).to.equal('canceled');
  });

  it('infers a part of the record', () => {
    expectTypeOf(aggregateLatest({ a: () => of(1) })(background)).toEqualTypeOf<Observable<Partial<{ a: number }>>>();
  });
});
