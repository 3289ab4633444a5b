import { expect } from 'chai';
import { asyncScheduler, catchError, delay, map, NEVER, type Observable, of, tap, TimeoutError, timer } from 'rxjs';
import { aggregate, background, DeadlineExceededError, withConcurrency, withTimeout } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { exceeded } from '../support/services.ts';

describe('a deadline', () => {
  it('ends the run in its very frame, and names all pending services, the queued included', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('      -(a|)           ');
      const b = cold('      --              ');
      const c = cold('      c|              ');
      const expected = '    1s #            ';
      const all = aggregate({ a: () => a, b: () => b, c: () => c }, withTimeout(1_000), withConcurrency(1));
      const seen = all(background).pipe(
        tap({
          error: (error: unknown) => {
            expect(error).to.be.instanceOf(DeadlineExceededError);
            expect((error as Error).cause).to.be.instanceOf(TimeoutError);
          },
        }),
      );
      expectObservable(seen).toBe(expected, undefined, exceeded(1_000, 'b', 'c'));
      expectSubscriptions(b.subscriptions).toBe('-^ 998ms !');
      expectSubscriptions(c.subscriptions).toBe([]);
    });
  });

  for (const [what, deadline, ms] of [
    ['ctx.deadline, if that is sooner', 300, 300],
    ['withTimeout, if that is sooner', 5_000, 1_000],
    ['withTimeout, without ctx.deadline', undefined, 1_000],
  ] as const) {
    it(`comes from ${what}`, () => {
      marbles(({ expectObservable }) => {
        const run = aggregate({ a: () => NEVER }, withTimeout(1_000))({ deadline });
        expectObservable(run).toBe(`${String(ms)}ms #`, undefined, exceeded(ms, 'a'));
      });
    });
  }

  it('comes after 30 s by default', () => {
    marbles(({ expectObservable }) => {
      expectObservable(aggregate({ a: () => NEVER })(background)).toBe('30s #', undefined, exceeded(30_000, 'a'));
    });
  });

  it('ends a service that emits and never completes', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const ticks = cold('1s a 999ms b');
      const run = aggregate({ ticks: () => ticks }, withTimeout(1_500))(background);
      expectObservable(run).toBe('1500ms #', undefined, exceeded(1_500, 'ticks'));
      expectSubscriptions(ticks.subscriptions).toBe('^ 1499ms !');
    });
  });

  for (const [outcome, source] of [
    ['loses a tie against a value that was scheduled before it', () => timer(1_000)],
    ['wins a tie against a value that was scheduled after it', () => timer(500).pipe(delay(500))],
  ] as const) {
    it(outcome, () => {
      marbles(({ expectObservable }) => {
        const run = aggregate(
          { a: (): Observable<unknown> => source() },
          withTimeout(1_000),
        )(background).pipe(
          map(() => 'loses'),
          catchError(() => of('wins')),
        );
        expectObservable(run).toBe('1s (v|)', { v: outcome.split(' ')[0] });
      });
    });
  }

  it('sets no timer if there is none, or if it is 2^31 ms away or more, where a timer would fire at once', () => {
    marbles(({ expectObservable }) => {
      const never = aggregate({ a: () => NEVER }, withTimeout(Infinity));
      const soon = aggregate({ a: () => timer(5) }, withTimeout(Infinity));
      for (const deadline of [undefined, Infinity, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
        expectObservable(soon({ deadline })).toBe('5ms (a|)', { a: { a: 0 } });
        expectObservable(never({ deadline })).toBe('');
      }
      const longest = 2 ** 31 - 1;
      expectObservable(never({ deadline: longest })).toBe(`${String(longest)}ms #`, undefined, exceeded(longest, 'a'));
    });
  });

  it('sets one timer a run, after the services have started, for the time that is left then', () => {
    const order: unknown[] = [];
    const schedule = asyncScheduler.schedule.bind(asyncScheduler);
    const { now } = asyncScheduler;
    let clock = 5_000;
    asyncScheduler.now = () => clock;
    asyncScheduler.schedule = (work, ms, state) => {
      order.push(ms);
      return schedule(work, ms, state as never);
    };
    try {
      const blocking = (name: string) => (): Observable<never> => {
        order.push(name);
        clock += 100;
        return NEVER;
      };
      const both = aggregate({ a: blocking('a'), b: blocking('b') }, withTimeout(1_000));
      for (const left of [undefined, 300.5, 150]) {
        const deadline = left === undefined ? undefined : clock + left;
        both({ deadline }).subscribe().unsubscribe();
      }
      const unlimited = aggregate({ unlimited: blocking('unlimited') }, withTimeout(Infinity));
      for (const deadline of [undefined, Infinity, 2 ** 50]) unlimited({ deadline }).subscribe().unsubscribe();
    } finally {
      asyncScheduler.now = now;
      Reflect.deleteProperty(asyncScheduler, 'schedule');
    }
    expect(order).to.deep.equal([
      ...['a', 'b', 800, 'a', 'b', 101, 'a', 'b', 0],
      ...['unlimited', 'unlimited', 'unlimited'],
    ]);
  });
});
