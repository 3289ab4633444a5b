import { expect } from 'chai';
import { defer, NEVER, Observable, of, retry, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  backoff,
  bulkhead,
  CanceledError,
  type Context,
  hedge,
  retryBudget,
  singleFlight,
  withConcurrency,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { errorOf } from '../support/failure.ts';
import { boom, exceeded, failed, fails } from '../support/services.ts';

const always = { retryable: () => true, jitter: 'none', initialDelay: 3 } as const;

describe('operators and runs together', () => {
  it('retry each lane of a hedge by itself', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const failing = cold('-#', undefined, boom);
      const good = cold('   -a|');
      let calls = 0;
      const source = defer(() => (++calls < 3 ? failing : good));
      const lane = source.pipe(retry({ count: 2, delay: backoff(background, always) }));
      expectObservable(lane.pipe(hedge({ after: 2 }))).toBe('-----a|');
      expectSubscriptions(failing.subscriptions).toBe(['^!', '--^!']);
      expectSubscriptions(good.subscriptions).toBe('----^-!');
    });
  });

  it('share the lanes of a hedge inside a single flight', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const lane = cold('-----a|');
      const shared = singleFlight(() => lane.pipe(hedge({ after: 2 })));
      expectObservable(shared(background)).toBe('------(a|)');
      expectObservable(shared(background)).toBe('------(a|)');
      expectSubscriptions(lane.subscriptions).toBe(['^-----!', '--^--!']);
    });
  });

  it('start the next source of a bulkhead when the run that held the place is canceled', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const one = bulkhead(1);
      const holder = cold('----------');
      const next = cold('-a|');
      const controller = new AbortController();
      const held = aggregate({ holder: () => holder.pipe(one) })({ signal: controller.signal });
      timer(3).subscribe(() => {
        controller.abort('bye');
      });
      expectObservable(held).toBe('---#', undefined, new CanceledError());
      expectObservable(next.pipe(one)).toBe('----a|');
      expectSubscriptions(holder.subscriptions).toBe('^--!');
      expectSubscriptions(next.subscriptions).toBe('---^-!');
    });
  });

  it('never wait past the deadline of the run for a backoff', () => {
    marbles(({ expectObservable }) => {
      const service = (ctx: Context): Observable<never> =>
        fails().pipe(retry({ delay: backoff(ctx, { ...always, factor: 1 }) }));
      const run = aggregate({ service }, withTimeout(10))(background);
      expectObservable(run).toBe('9ms #', undefined, failed('service', 9));
    });
  });

  it('add a little load to a failing upstream, and do not multiply it, when retries and hedges share a budget', () => {
    marbles(({ flush }) => {
      let calls = 0;
      const budget = retryBudget({ ratio: 0.2, min: 0 });
      const source = defer(() => {
        calls++;
        return fails();
      });
      for (let request = 0; request < 100; request++) {
        source
          .pipe(retry({ count: 3, delay: backoff(background, { ...always, budget }) }), hedge({ after: 1, budget }))
          .subscribe({ error: () => undefined });
      }
      flush();
      expect(calls).to.be.within(101, 120);
    });
  });

  it('start no queued call of aggregateEach after a failure', () => {
    const calls: number[] = [];
    const each = aggregateEach((_ctx, n: number) => {
      calls.push(n);
      return n === 1 ? fails() : n === 0 ? of(n) : NEVER;
    }, withConcurrency(1));
    expect(errorOf(each(background, [0, 1, 2, 3]))).to.have.property('service', '[1]');
    expect(calls).to.deep.equal([0, 1]);
  });

  it('end a single flight with its last caller, at the deadline of the run', () => {
    marbles(({ expectObservable, flush }) => {
      let teardowns = 0;
      const shared = singleFlight(() => new Observable<never>(() => () => teardowns++));
      const run = aggregate({ shared }, withTimeout(5))(background);
      expectObservable(run).toBe('5ms #', undefined, exceeded(5, 'shared'));
      flush();
      expect(teardowns).to.equal(1);
    });
  });
});
