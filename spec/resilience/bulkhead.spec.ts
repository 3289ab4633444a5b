import { expect } from 'chai';
import { count, defer, forkJoin, merge, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { aggregate, background, bulkhead, BulkheadFullError, silent, withLogger } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

describe('bulkhead', () => {
  it('subscribes to so many at the most, first come, first served', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('---a|');
      const b = cold('-b|');
      const c = cold('-c|');
      const one = bulkhead(2);
      expectObservable(merge(a.pipe(one), b.pipe(one), c.pipe(one)).pipe(count())).toBe('----(n|)', { n: 3 });
      expectSubscriptions(a.subscriptions).toBe('^---!');
      expectSubscriptions(b.subscriptions).toBe('^-!');
      expectSubscriptions(c.subscriptions).toBe('--^-!');
    });
  });

  it('frees a place on completion, error and unsubscribing, in the same frame', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const one = bulkhead(1);
      const fails = cold('--#', undefined, boom);
      const leaves = cold('------');
      const last = cold('-c|');
      expectObservable(fails.pipe(one)).toBe('--#', undefined, boom);
      expectObservable(leaves.pipe(one), '^---!').toBe('-----');
      expectObservable(last.pipe(one)).toBe('-----c|');
      expectSubscriptions(leaves.subscriptions).toBe('--^-!');
      expectSubscriptions(last.subscriptions).toBe('  ----^-!');
    });
  });

  it('lets those who wait leave', () => {
    const one = bulkhead(1);
    const first = new Subject<void>();
    let asked = false;
    first.pipe(one).subscribe();
    new Observable(() => {
      asked = true;
    })
      .pipe(one)
      .subscribe()
      .unsubscribe();
    first.complete();
    expect(asked).to.equal(false);
  });

  it('refuses who would wait in a full queue, and says how full it is', () => {
    const one = bulkhead(1, { queue: 1 });
    const subscriptions = [NEVER.pipe(one).subscribe(), NEVER.pipe(one).subscribe()];
    let told: unknown;
    NEVER.pipe(one).subscribe({ error: (error: unknown) => (told = error) });
    expect(told).to.be.instanceOf(BulkheadFullError).and.include({ running: 1, waiting: 1, code: 'ERR_BULKHEAD_FULL' });
    expect(JSON.parse(JSON.stringify(told))).to.include({ running: 1, waiting: 1 });
    for (const subscription of subscriptions) subscription.unsubscribe();
    let answer: unknown;
    of(1)
      .pipe(one)
      .subscribe((value) => (answer = value));
    expect(answer).to.equal(1);
  });

  it('starts none of a run that ends as a whole', () => {
    marbles(({ cold, expectObservable, flush }) => {
      const one = bulkhead(1);
      const asked: string[] = [];
      const service = (name: string) => () =>
        new Observable<never>(() => {
          asked.push(name);
        }).pipe(one);
      const failing = cold<never>('--#', undefined, boom);
      const ask = aggregate({ a: service('a'), b: service('b'), failing: () => failing }, withLogger(silent));
      ask(background).subscribe({ error: () => undefined });
      expectObservable(cold('----a|').pipe(one), '---^').toBe('-------a|');
      flush();
      expect(asked).to.deep.equal(['a']);
    });
  });

  it('passes 20,000 synchronous ones behind an asynchronous one without a deep stack', () => {
    const one = bulkhead(1);
    const first = new Subject<void>();
    let done = 0;
    first.pipe(one).subscribe();
    for (let index = 0; index < 20_000; index++)
      of(index)
        .pipe(one)
        .subscribe(() => done++);
    expect(done).to.equal(0);
    first.complete();
    expect(done).to.equal(20_000);
  });

  it('tears the holder down before the next starts, and survives a teardown that throws', () => {
    const log: string[] = [];
    const one = bulkhead(1);
    const first = new Subject<void>();
    const named = (name: string, source: Observable<unknown>): Observable<unknown> =>
      new Observable((subscriber) => {
        log.push(`${name} starts`);
        subscriber.add(() => log.push(`${name} ends`));
        subscriber.add(source.subscribe(subscriber));
      });
    named('a', first).pipe(one).subscribe();
    named('b', NEVER).pipe(one).subscribe();
    first.complete();
    expect(log).to.deep.equal(['a starts', 'a ends', 'b starts']);
  });

  it('keeps no place for who is over before it is asked, as what a failed forkJoin still subscribes to is', () => {
    let asked = 0;
    const one = bulkhead(1, { queue: 1 });
    const first = NEVER.pipe(one).subscribe();
    const second = defer(() => of(++asked)).pipe(one);
    forkJoin([throwError(() => boom), second]).subscribe({ error: () => undefined });
    const errors: unknown[] = [];
    NEVER.pipe(one).subscribe({ error: (error: unknown) => errors.push(error) });
    expect(errors).to.deep.equal([]);
    first.unsubscribe();
    expect(asked).to.equal(0);
  });

  it('refuses a config that makes no sense', () => {
    for (const n of [0, 1.5, NaN, '2' as never]) expect(() => bulkhead(n)).to.throw(RangeError, 'bulkhead: n');
    expect(() => bulkhead(1, { queue: -1 })).to.throw(RangeError, 'bulkhead: queue');
    expect(() => bulkhead(1, { queue: 0 })).not.to.throw();
  });

  it('passes errors on', () => {
    let told: unknown;
    throwError(() => boom)
      .pipe(bulkhead(1))
      .subscribe({ error: (error: unknown) => (told = error) });
    expect(told).to.equal(boom);
  });
});
