import { expect } from 'chai';
import { asyncScheduler, count, defer, forkJoin, merge, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { aggregate, background, bulkhead, BulkheadFullError } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

describe('bulkhead', () => {
  it('subscribes to at most n sources, in order', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('---a|');
      const b = cold('-b|');
      const c = cold('-c|');
      const limit = bulkhead(2);
      expectObservable(merge(a.pipe(limit), b.pipe(limit), c.pipe(limit)).pipe(count())).toBe('----(n|)', { n: 3 });
      expectSubscriptions(a.subscriptions).toBe('^---!');
      expectSubscriptions(b.subscriptions).toBe('^-!');
      expectSubscriptions(c.subscriptions).toBe('--^-!');
    });
  });

  it('starts the next source in the frame in which another completes, errors or is unsubscribed', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const limit = bulkhead(1);
      const fails = cold('--#', undefined, boom);
      const leaves = cold('------');
      const completes = cold('-c|');
      const last = cold('-d|');
      expectObservable(fails.pipe(limit)).toBe('--#', undefined, boom);
      expectObservable(leaves.pipe(limit), '^---!').toBe('-----');
      expectObservable(completes.pipe(limit)).toBe('-----c|');
      expectObservable(last.pipe(limit)).toBe('-------d|');
      expectSubscriptions(leaves.subscriptions).toBe('   --^-!');
      expectSubscriptions(completes.subscriptions).toBe('----^-!');
      expectSubscriptions(last.subscriptions).toBe('     ------^-!');
    });
  });

  it('removes a waiting source from the queue when it is unsubscribed', () => {
    const limit = bulkhead(1);
    const first = new Subject<void>();
    let subscribed = false;
    first.pipe(limit).subscribe();
    new Observable(() => {
      subscribed = true;
    })
      .pipe(limit)
      .subscribe()
      .unsubscribe();
    first.complete();
    expect(subscribed).to.equal(false);
  });

  it('errors with BulkheadFullError if the queue is full, until a place is free', () => {
    const limit = bulkhead(1, { queue: 1 });
    const subscriptions = [NEVER.pipe(limit).subscribe(), NEVER.pipe(limit).subscribe()];
    let error: unknown;
    NEVER.pipe(limit).subscribe({ error: (given: unknown) => (error = given) });
    expect(error)
      .to.be.instanceOf(BulkheadFullError)
      .and.include({ running: 1, waiting: 1, code: 'ERR_BULKHEAD_FULL' });
    for (const subscription of subscriptions) subscription.unsubscribe();
    let value: unknown;
    of(1)
      .pipe(limit)
      .subscribe((given) => (value = given));
    expect(value).to.equal(1);
  });

  it('starts no waiting service of a run that ends', () => {
    const started: string[] = [];
    marbles(({ cold, expectObservable }) => {
      const limit = bulkhead(1);
      const service = (name: string) => () =>
        new Observable<never>(() => {
          started.push(name);
        }).pipe(limit);
      const failing = cold<never>('--#', undefined, boom);
      const page = aggregate({ a: service('a'), b: service('b'), failing: () => failing });
      page(background).subscribe({ error: () => undefined });
      expectObservable(cold('----a|').pipe(limit), '---^').toBe('-------a|');
    });
    expect(started).to.deep.equal(['a']);
  });

  it('starts 20,000 synchronous sources behind an asynchronous one without a deep stack', () => {
    const limit = bulkhead(1);
    const first = new Subject<void>();
    let values = 0;
    first.pipe(limit).subscribe();
    for (let index = 0; index < 20_000; index++) {
      of(index)
        .pipe(limit)
        .subscribe(() => values++);
    }
    expect(values).to.equal(0);
    first.complete();
    expect(values).to.equal(20_000);
  });

  it('tears a source down before it starts the next', () => {
    const log: string[] = [];
    const limit = bulkhead(1);
    const first = new Subject<void>();
    const logged = (name: string, source: Observable<unknown>): Observable<unknown> =>
      new Observable((subscriber) => {
        log.push(`${name} starts`);
        subscriber.add(() => log.push(`${name} ends`));
        subscriber.add(source.subscribe(subscriber));
      });
    logged('a', first).pipe(limit).subscribe();
    logged('b', NEVER).pipe(limit).subscribe();
    first.complete();
    expect(log).to.deep.equal(['a starts', 'a ends', 'b starts']);
  });

  it('frees the place of a source whose teardown throws', () => {
    marbles(({ expectObservable }) => {
      const limit = bulkhead(1);
      const throwing = new Observable<never>(() => () => {
        throw boom;
      });
      const first = throwing.pipe(limit).subscribe();
      expectObservable(of('next').pipe(limit)).toBe('(n|)', { n: 'next' });
      asyncScheduler.schedule(() => {
        expect(() => {
          first.unsubscribe();
        }).to.throw('boom');
      });
    });
  });

  it('keeps no place for a subscriber that is already closed, as behind a forkJoin that has failed', () => {
    let subscribed = 0;
    const limit = bulkhead(1, { queue: 1 });
    const first = NEVER.pipe(limit).subscribe();
    const second = defer(() => of(++subscribed)).pipe(limit);
    forkJoin([throwError(() => boom), second]).subscribe({ error: () => undefined });
    const errors: unknown[] = [];
    NEVER.pipe(limit).subscribe({ error: (error: unknown) => errors.push(error) });
    expect(errors).to.deep.equal([]);
    first.unsubscribe();
    expect(subscribed).to.equal(0);
  });

  it('passes on the error of a source', () => {
    let error: unknown;
    throwError(() => boom)
      .pipe(bulkhead(1))
      .subscribe({ error: (given: unknown) => (error = given) });
    expect(error).to.equal(boom);
  });

  for (const [n, queue, message] of [
    [0, 1, 'bulkhead: n: expected a positive integer, got 0'],
    [1.5, 1, 'bulkhead: n: expected a positive integer, got 1.5'],
    [NaN, 1, 'bulkhead: n: expected a positive integer, got NaN'],
    ['2', 1, 'bulkhead: n: expected a positive integer, got a string'],
    [1, -1, 'bulkhead: queue: expected an integer of at least 0, got -1'],
  ] as const) {
    it(`throws for n ${typeof n} ${String(n)}, queue ${String(queue)}`, () => {
      expect(() => bulkhead(n as number, { queue })).to.throw(RangeError, message);
    });
  }

  it('accepts a queue of 0 and of Infinity', () => {
    for (const queue of [0, Infinity]) expect(() => bulkhead(1, { queue })).not.to.throw();
  });
});
