import { expect } from 'chai';
import { asyncScheduler, catchError, defer, EMPTY, map, mergeMap, type MonoTypeOperatorFunction, NEVER } from 'rxjs';
import { Observable, of, range, repeat, retry, share, Subject, tap, throwError, timeout, timer } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { aggregate, background, backoff, hedge, latency, retryBudget, type RetryBudget } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');
const ignored = { error: () => undefined };

type ColdCreator = RunHelpers['cold'];

/** Subscribes to the next of the attempts at each subscription. */
function inTurn<T>(...attempts: Observable<T>[]): Observable<T> {
  let next = 0;
  return defer(() => attempts[next++] ?? NEVER);
}

describe('hedge', () => {
  /** Two attempts, the second of which starts after 3 ms. The first fails with another error than the second. */
  const races: readonly {
    readonly title: string;
    readonly first: string;
    readonly second: string;
    readonly hedged: string;
    readonly error?: Error;
    readonly subscriptions?: readonly [first: string, second: string | []];
  }[] = [
    {
      title: 'subscribes once if a value comes in time',
      first: '--a-b|',
      second: 'x|',
      hedged: '--a-b|',
      subscriptions: ['^----!', []],
    },
    {
      title: 'subscribes again after a while, and unsubscribes from the first when the second emits',
      first: '----------a|',
      second: '--b-c|',
      hedged: '-----b-c|',
      subscriptions: ['^----!', '---^----!'],
    },
    { title: 'waits for the first if the second fails at once', first: '-----a|', second: '#', hedged: '-----a|' },
    { title: 'waits for the second if the first fails', first: '----#', second: '-----a|', hedged: '--------a|' },
    { title: 'errors with the last error if both fail', first: '----#', second: '--#', hedged: '-----#', error: boom },
    {
      title: 'errors without a second attempt if the first fails before',
      first: '-#',
      second: 'x|',
      hedged: '-#',
      error: new Error('first'),
      subscriptions: ['^!', []],
    },
    { title: 'waits for the first if the second is empty', first: '-----a|', second: '|', hedged: '-----a|' },
    { title: 'waits for the second if the first is empty', first: '----|', second: '-----a|', hedged: '--------a|' },
    { title: 'completes if both are empty', first: '----|', second: '--|', hedged: '-----|' },
    { title: 'completes at once if the only attempt is empty', first: '|', second: 'x|', hedged: '|' },
  ];
  for (const { title, first, second, hedged, error, subscriptions } of races) {
    it(title, () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const attempts = [cold(first, undefined, new Error('first')), cold(second, undefined, boom)] as const;
        expectObservable(inTurn<unknown>(...attempts).pipe(hedge({ after: 3 }))).toBe(hedged, undefined, error);
        for (const [index, expected] of (subscriptions ?? []).entries()) {
          expectSubscriptions(attempts[index]!.subscriptions).toBe(expected);
        }
      });
    });
  }

  it('starts up to `attempts` attempts, one every `after` ms', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const silent = cold('----------');
      const third = cold('-a|');
      expectObservable(inTurn(silent, silent, third).pipe(hedge({ after: 2, attempts: 3 }))).toBe('-----a|');
      expectSubscriptions(silent.subscriptions).toBe(['^----!', '--^--!']);
    });
  });

  it('ends all attempts and the timer in the frame in which it is unsubscribed', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const silent = cold('----------');
      expectObservable(silent.pipe(hedge({ after: 2, attempts: 9 })), '---!').toBe('----');
      expectSubscriptions(silent.subscriptions).toBe(['^--!', '--^!']);
    });
  });

  it('unsubscribes from the winner in the frame in which it is unsubscribed', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const first = cold('--a-b-c');
      expectObservable(first.pipe(hedge({ after: 3 })), '-----!').toBe('--a-b-');
      expectSubscriptions(first.subscriptions).toBe('^----!');
    });
  });

  it('subscribes once if a value comes synchronously', () => {
    marbles(({ expectObservable }) => {
      expectObservable(inTurn(of('a'), of('b')).pipe(hedge({ after: 0 }))).toBe('(a|)');
    });
  });

  it('emits the value of the winner if the teardown of a loser throws, and throws on unsubscribing', () => {
    const values: string[] = [];
    marbles(({ cold, flush }) => {
      const loser = new Observable<string>(() => () => {
        throw boom;
      });
      const subscription = inTurn(loser, cold('-a'))
        .pipe(hedge({ after: 3 }))
        .subscribe((value) => values.push(value));
      flush();
      expect(values).to.deep.equal(['a']);
      expect(() => {
        subscription.unsubscribe();
      }).to.throw('boom');
    });
  });

  it('ignores a value that the teardown of one loser makes another loser emit', () => {
    marbles(({ cold, flush }) => {
      const woken = new Subject<string>();
      const waking = new Observable<string>(() => () => {
        woken.next('woken');
      });
      const values: string[] = [];
      inTurn(waking, woken, cold('-a-b|'))
        .pipe(hedge({ after: 1, attempts: 3 }))
        .subscribe((value) => values.push(value));
      flush();
      expect(values).to.deep.equal(['a', 'b']);
    });
  });

  it('skips an attempt that is due while the budget is used up', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const silent = cold('----------');
      const budget = retryBudget({ ratio: 0, min: 1 });
      expectObservable(silent.pipe(hedge({ after: 400, attempts: 5, budget })), '2s !').toBe('----------');
      expectSubscriptions(silent.subscriptions).toBe(['^ 1999ms !', '400ms ^ 1599ms !', '1600ms ^ 399ms !']);
    });
  });

  describe('counts first attempts:', () => {
    /** The first attempts that a budget has counted, since it allows as many extra attempts. */
    const counted = (use: (budget: RetryBudget, cold: ColdCreator) => void): number => {
      let count = 0;
      marbles(({ cold, flush }) => {
        const budget = retryBudget({ ratio: 1, min: 0 });
        use(budget, cold);
        flush();
        while (budget.tryAcquire()) count++;
      });
      return count;
    };

    for (const [title, count] of [
      ['one for each subscription to one Observable', 100],
      ['one for each subscription to an Observable of its own', 100],
    ] as const) {
      it(title, () => {
        const first = counted((budget) => {
          const make = (): Observable<number> => timer(15).pipe(hedge({ after: 20, budget }));
          const shared = make();
          for (let index = 0; index < 100; index++) {
            const hedged = title.includes('of its own') ? make() : shared;
            asyncScheduler.schedule(() => hedged.subscribe(), index % 50);
          }
        });
        expect(first).to.equal(count);
      });
    }

    const failing = (budget: RetryBudget, cold: ColdCreator): Observable<unknown> =>
      cold('-#', undefined, boom).pipe(hedge({ after: 5, budget }));

    const retries: readonly (readonly [title: string, MonoTypeOperatorFunction<unknown>])[] = [
      ['a retry', retry(3)],
      ['a retry with a delay', retry({ count: 3, delay: 5 })],
      ['a retry with backoff', retry({ count: 3, delay: backoff(background, { retryable: () => true }) })],
      ['a retry behind other operators', (source) => source.pipe(map(String), tap(), retry(3))],
      ['two retries', (source) => source.pipe(retry(1), map(String), retry(1))],
      ['a catchError', catchError((_error, caught) => caught.pipe(catchError((_again, third) => third)))],
    ];
    for (const [title, again] of retries) {
      it(`none when ${title} subscribes again`, () => {
        const first = counted((budget, cold) => {
          const retried = failing(budget, cold).pipe(again, timeout(100));
          for (let caller = 0; caller < 4; caller++) retried.subscribe(ignored);
        });
        expect(first).to.equal(4);
      });
    }

    it('none when a retry inside one stream of many questions subscribes again', () => {
      const first = counted((budget, cold) => {
        const question = failing(budget, cold);
        const questions = range(10).pipe(
          mergeMap(() =>
            question.pipe(
              retry({ count: 2, delay: 1 }),
              catchError(() => EMPTY),
            ),
          ),
        );
        questions.subscribe();
      });
      expect(first).to.equal(10);
    });

    it('one for each subscription that fails without a retry', () => {
      const first = counted((budget, cold) => {
        const question = failing(budget, cold);
        for (let index = 0; index < 100; index++) asyncScheduler.schedule(() => question.subscribe(ignored), 3 * index);
      });
      expect(first).to.equal(100);
    });

    it('one for each run that fails without a retry', () => {
      const first = counted((budget, cold) => {
        const question = failing(budget, cold);
        const page = aggregate({ question: () => question });
        for (let index = 0; index < 100; index++)
          asyncScheduler.schedule(() => page(background).subscribe(ignored), 3 * index);
      });
      expect(first).to.equal(100);
    });

    it('one for each run that fails synchronously', () => {
      const first = counted((budget) => {
        const question = throwError(() => boom).pipe(hedge({ after: 5, budget }));
        for (let index = 0; index < 100; index++) question.subscribe(ignored);
      });
      expect(first).to.equal(100);
    });

    it('one for all subscribers that share one subscription', () => {
      const first = counted((budget) => {
        const shared = timer(9).pipe(hedge({ after: 20, budget }), share());
        for (let index = 0; index < 100; index++) shared.subscribe();
      });
      expect(first).to.equal(1);
    });

    it('none for a retry of a synchronous error', () => {
      const first = counted((budget) => {
        throwError(() => boom)
          .pipe(hedge({ after: 5, budget }), retry(3))
          .subscribe({ error: () => undefined });
      });
      expect(first).to.equal(1);
    });

    it('one for each subscription that follows an answer or an unsubscription', () => {
      const first = counted((budget) => {
        const hedged = timer(2).pipe(hedge({ after: 5, budget }));
        hedged.subscribe().unsubscribe();
        hedged.pipe(repeat(3)).subscribe();
      });
      expect(first).to.equal(4);
    });
  });

  it('works behind a retry and in front of a retry', () => {
    marbles(({ cold, expectObservable }) => {
      const fails = cold('-#', undefined, boom);
      const good = cold('-a|');
      expectObservable(inTurn(fails, good).pipe(retry(1), hedge({ after: 9 }))).toBe('--a|');
      expectObservable(inTurn(fails, good).pipe(hedge({ after: 9 }), retry(1))).toBe('--a|');
    });
  });

  for (const [config, type, message] of [
    [undefined, RangeError, 'hedge: after: expected at least 0 and below 2^31, got undefined'],
    [{ after: -1 }, RangeError, 'hedge: after: expected at least 0 and below 2^31, got -1'],
    [{ after: '5' }, RangeError, 'hedge: after: expected at least 0 and below 2^31, got a string'],
    [{ after: latency }, RangeError, 'hedge: after: expected milliseconds or a Latency, got a function: make one with'],
    [
      { after: { least: 20 } },
      RangeError,
      'hedge: after: expected milliseconds or a Latency, got an instance of Object',
    ],
    [{ after: 1, attempts: 0 }, RangeError, 'hedge: attempts: expected a positive integer, got 0'],
    [
      { after: 1, budget: {} },
      TypeError,
      'hedge: budget: expected a RetryBudget, got an instance of Object: make one with retryBudget()',
    ],
  ] as const) {
    it(`throws for ${JSON.stringify(config)}: ${message}`, () => {
      expect(() => hedge(config as never)).to.throw(type, message);
    });
  }
});
