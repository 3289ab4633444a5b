import { expect } from 'chai';
import { defer, EMPTY, NEVER, Observable, of, retry, Subject } from 'rxjs';
import { hedge, retryBudget } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

/** Asks the next of the sources at each subscription. */
function inTurn<T>(...sources: Observable<T>[]): Observable<T> {
  let next = 0;
  return defer(() => sources[next++] ?? NEVER);
}

describe('hedge', () => {
  it('asks once where a value comes in time', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const first = cold(' --a-b|');
      const second = cold('x|');
      expectObservable(inTurn(first, second).pipe(hedge({ after: 3 }))).toBe('--a-b|');
      expectSubscriptions(second.subscriptions).toBe([]);
    });
  });

  it('asks again after a while: the first to emit wins, and the other is let go', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const first = cold(' ----------a|');
      const second = cold('   --b-c|   ');
      expectObservable(inTurn(first, second).pipe(hedge({ after: 3 }))).toBe('-----b-c|');
      expectSubscriptions(first.subscriptions).toBe(' ^----!');
      expectSubscriptions(second.subscriptions).toBe('---^----!');
    });
  });

  it('lets a lane that fails at once not beat a healthy one, whichever it is', () => {
    marbles(({ cold, expectObservable }) => {
      const fails = cold('#', undefined, boom);
      const healthy = cold('-----a|');
      expectObservable(inTurn(healthy, fails).pipe(hedge({ after: 3 }))).toBe('-----a|');
      const late = cold('----#', undefined, boom);
      expectObservable(inTurn(late, healthy).pipe(hedge({ after: 3 }))).toBe('--------a|');
    });
  });

  it('fails when no lane is left, with the last error; a first that fails alone is not asked again', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const first = cold('----#', undefined, new Error('first'));
      const second = cold('--#', undefined, boom);
      expectObservable(inTurn(first, second).pipe(hedge({ after: 3 }))).toBe('-----#', undefined, boom);
      const alone = cold('-#', undefined, boom);
      expectObservable(alone.pipe(hedge({ after: 3 }))).toBe('-#', undefined, boom);
      expectSubscriptions(alone.subscriptions).toBe('^!');
    });
  });

  it('completes when all lanes were empty', () => {
    marbles(({ expectObservable }) => {
      expectObservable(EMPTY.pipe(hedge({ after: 3 }))).toBe('|');
    });
  });

  it('waits for the others where a lane was empty, whichever it is', () => {
    marbles(({ cold, expectObservable }) => {
      const healthy = cold('-----a|');
      expectObservable(inTurn(healthy, cold('|')).pipe(hedge({ after: 3 }))).toBe('-----a|');
      expectObservable(inTurn(cold('----|'), healthy).pipe(hedge({ after: 3 }))).toBe('--------a|');
      expectObservable(inTurn(cold('----|'), cold('--|')).pipe(hedge({ after: 3 }))).toBe('-----|');
    });
  });

  it('asks up to as many lanes, one each while', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const silent = cold('----------');
      const third = cold('-a|');
      expectObservable(inTurn(silent, silent, third).pipe(hedge({ after: 2, lanes: 3 }))).toBe('-----a|');
      expectSubscriptions(silent.subscriptions).toBe(['^----!', '--^--!']);
    });
  });

  it('lets all lanes and the clock go in the frame in which it is unsubscribed', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const silent = cold('----------');
      expectObservable(silent.pipe(hedge({ after: 2, lanes: 9 })), '---!').toBe('----');
      expectSubscriptions(silent.subscriptions).toBe(['^--!', '--^!']);
    });
  });

  it('takes a synchronous value, and asks no more', () => {
    marbles(({ expectObservable }) => {
      expectObservable(inTurn(of('a'), of('b')).pipe(hedge({ after: 0 }))).toBe('(a|)');
    });
  });

  it('loses no value where the teardown of a loser throws', () => {
    marbles(({ cold, expectObservable }) => {
      const loser = new Observable<string>(() => () => {
        throw boom;
      });
      const seen: string[] = [];
      const winner = cold('-a');
      const subscription = inTurn(loser, winner)
        .pipe(hedge({ after: 3 }))
        .subscribe((value) => seen.push(value));
      expectObservable(cold('-----a').pipe()).toBe('-----a');
      subscription.add(() => seen.push('gone'));
      cold('-----(x|)').subscribe(() => {
        expect(seen).to.deep.equal(['a']);
        expect(() => {
          subscription.unsubscribe();
        }).to.throw();
      });
    });
  });

  it('takes no value of a loser that the teardown of another wakes', () => {
    marbles(({ cold, flush }) => {
      const woken = new Subject<string>();
      const waking = new Observable<string>(() => () => {
        woken.next('woken');
      });
      const seen: string[] = [];
      inTurn(waking, woken, cold('-a-b|'))
        .pipe(hedge({ after: 1, lanes: 3 }))
        .subscribe((value) => seen.push(value));
      flush();
      expect(seen).to.deep.equal(['a', 'b']);
    });
  });

  it('asks no further lane while the budget is used up', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const silent = cold('----------');
      const budget = retryBudget({ ratio: 0, min: 1 });
      expectObservable(silent.pipe(hedge({ after: 1, lanes: 5, budget })), '---------!').toBe('----------');
      expectSubscriptions(silent.subscriptions).toBe(['^--------!', '-^-------!']);
    });
  });

  it('goes around a retry, and a retry around it', () => {
    marbles(({ cold, expectObservable }) => {
      const fails = cold('-#', undefined, boom);
      const good = cold('-a|');
      expectObservable(inTurn(fails, good).pipe(retry(1), hedge({ after: 9 }))).toBe('--a|');
      expectObservable(inTurn(fails, good).pipe(hedge({ after: 9 }), retry(1))).toBe('--a|');
    });
  });

  it('refuses a config that makes no sense', () => {
    expect(() => hedge({ after: -1 })).to.throw(RangeError, 'hedge: after');
    expect(() => hedge({ after: '5' as never })).to.throw(RangeError, 'a string');
    expect(() => hedge({ after: 1, lanes: 0 })).to.throw(RangeError, 'hedge: lanes');
    expect(() => hedge({ after: 1, budget: {} as never })).to.throw(TypeError, 'retryBudget()');
  });
});
