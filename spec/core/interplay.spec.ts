import { expect } from 'chai';
import { defer, NEVER, Observable, of, retry, throwError, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  backoff,
  bulkhead,
  CanceledError,
  type Context,
  DeadlineExceededError,
  hedge,
  retryBudget,
  ServiceError,
  silent,
  singleFlight,
  withConcurrency,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const quiet = withLogger(silent);
const boom = new Error('boom');
const always = { retryable: () => true, jitter: 'none', initialDelay: 3 } as const;

describe('together', () => {
  it('a retry inside a hedge: each lane retries by itself, and the losers` retries end', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const fails = cold('-#', undefined, boom);
      const good = cold('-a|');
      let asked = 0;
      const source = defer(() => (++asked < 3 ? fails : good));
      const lane = source.pipe(retry({ count: 2, delay: backoff(background, always) }));
      expectObservable(lane.pipe(hedge({ after: 2 }))).toBe('-----a|');
      expectSubscriptions(fails.subscriptions).toBe(['^!', '--^!']);
      expectSubscriptions(good.subscriptions).toBe('----^-!');
    });
  });

  it('a hedge inside a single flight: the lanes are shared too', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const lane = cold('-----a|');
      const ask = singleFlight(() => lane.pipe(hedge({ after: 2 })));
      expectObservable(ask(background)).toBe('------(a|)');
      expectObservable(ask(background)).toBe('------(a|)');
      expectSubscriptions(lane.subscriptions).toBe(['^-----!', '--^--!']);
    });
  });

  it('a bulkhead whose holder is aborted: the next has its place', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const one = bulkhead(1);
      const holder = cold('----------');
      const next = cold('-a|');
      const controller = new AbortController();
      const held = aggregate({ holder: () => holder.pipe(one) }, quiet)({ signal: controller.signal });
      timer(3).subscribe(() => {
        controller.abort('bye');
      });
      expectObservable(held).toBe('---#', undefined, new CanceledError());
      expectObservable(next.pipe(one)).toBe('----a|');
      expectSubscriptions(holder.subscriptions).toBe('^--!');
      expectSubscriptions(next.subscriptions).toBe('---^-!');
    });
  });

  it('a backoff inside an aggregate: never past the deadline of the run', () => {
    marbles(({ expectObservable }) => {
      const service = (ctx: Context): Observable<never> =>
        throwError(() => boom).pipe(retry({ delay: backoff(ctx, { ...always, factor: 1 }) }));
      const ask = aggregate({ service }, quiet, withTimeout(10));
      expectObservable(ask(background)).toBe(
        '9ms #',
        undefined,
        new ServiceError({ service: 'service', elapsed: 9, cause: boom }),
      );
    });
  });

  it('retries and hedges with one budget: a failing upstream gets a little more load, not a multiple', () => {
    marbles(({ flush }) => {
      let asked = 0;
      const budget = retryBudget({ ratio: 0.2, min: 0 });
      for (let question = 0; question < 100; question++) {
        defer(() => {
          asked++;
          return throwError(() => boom);
        })
          .pipe(retry({ count: 3, delay: backoff(background, { ...always, budget }) }), hedge({ after: 1, budget }))
          .subscribe({ error: () => undefined });
      }
      flush();
      expect(asked).to.be.within(101, 120);
    });
  });

  it('an error inside aggregateEach with a concurrency: the queued never start', () => {
    const asked: number[] = [];
    const each = aggregateEach(
      (_ctx, n: number) => {
        asked.push(n);
        return n === 1 ? throwError(() => boom) : n === 0 ? of(n) : NEVER;
      },
      quiet,
      withConcurrency(1),
    );
    let told: unknown;
    each(background, [0, 1, 2, 3]).subscribe({ error: (error: unknown) => (told = error) });
    expect(told).to.have.property('service', '[1]');
    expect(asked).to.deep.equal([0, 1]);
  });

  it('a single flight inside an aggregate: a passed deadline ends the wait, and the flight with its last passenger', () => {
    marbles(({ expectObservable }) => {
      let gone = 0;
      const ask = singleFlight(
        () =>
          new Observable<never>(() => () => {
            gone++;
          }),
      );
      const late = new DeadlineExceededError({ pending: ['shared'], elapsed: 5 });
      expectObservable(aggregate({ shared: ask }, quiet, withTimeout(5))(background)).toBe('5ms #', undefined, late);
      timer(6).subscribe(() => {
        expect(gone).to.equal(1);
      });
    });
  });
});
