import { expect } from 'chai';
import fc from 'fast-check';
import { asyncScheduler, defer, mergeMap, NEVER, Observable, of, Subject, timer } from 'rxjs';
import { aggregate, aggregateLatest, background, bulkhead, type Context, withTimeout } from '../../lib/index.ts';
import { BulkheadFullError, CanceledError, DeadlineExceededError } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

interface Ranked extends Context {
  readonly rank: number;
}
const priority = ({ rank }: Ranked): number => rank;

describe('bulkhead with a priority', () => {
  it('starts the highest priority first, and in order within a priority', () => {
    const limit = bulkhead(1, { priority });
    const first = new Subject<void>();
    const started: string[] = [];
    first.pipe(limit).subscribe();
    for (const name of ['b1', 'a2', 'c0', 'd2', 'e1', 'f-1']) {
      defer(() => of(started.push(name)))
        .pipe(limit.for({ rank: Number(name.slice(1)) }))
        .subscribe();
    }
    defer(() => of(started.push('plain')))
      .pipe(limit)
      .subscribe();
    first.complete();
    expect(started).to.deep.equal(['a2', 'd2', 'b1', 'e1', 'c0', 'plain', 'f-1']);
  });

  it('rejects the newest of the lowest priority when the queue is full and the newcomer is more important', () => {
    const limit = bulkhead(1, { queue: 2, priority });
    const outcomes: string[] = [];
    NEVER.pipe(limit).subscribe();
    const subscribe = (name: string, rank: number): void => {
      NEVER.pipe(limit.for({ rank })).subscribe({
        error: (error: unknown) => {
          expect(error).to.be.instanceOf(BulkheadFullError).and.include({ running: 1, waiting: 2 });
          outcomes.push(name);
        },
      });
    };
    subscribe('old', 0);
    subscribe('new', 0);
    subscribe('equal', 0);
    subscribe('lower', -1);
    expect(outcomes).to.deep.equal(['equal', 'lower']);
    subscribe('higher', 1);
    expect(outcomes).to.deep.equal(['equal', 'lower', 'new']);
    subscribe('also higher', 1);
    subscribe('too late', 1);
    expect(outcomes).to.deep.equal(['equal', 'lower', 'new', 'old', 'too late']);
  });

  it('rejects every newcomer when nothing may wait', () => {
    const limit = bulkhead(1, { queue: 0, priority });
    NEVER.pipe(limit).subscribe();
    let error: unknown;
    NEVER.pipe(limit.for({ rank: 9 })).subscribe({ error: (given: unknown) => (error = given) });
    expect(error).to.be.instanceOf(BulkheadFullError);
  });

  it('fails the run of a rejected source, and cancels its siblings', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const limit = bulkhead(1, { queue: 1, priority });
      const sibling = cold('----------');
      const page = aggregate({
        sibling: () => sibling,
        row: (ctx: Ranked) => of('row').pipe(limit.for(ctx)),
      });
      NEVER.pipe(limit).subscribe();
      let code: unknown;
      page({ rank: 0 }).subscribe({
        error: ({ cause }: { readonly cause: BulkheadFullError }) => (code = cause.code),
      });
      asyncScheduler.schedule(() => {
        NEVER.pipe(limit.for({ rank: 1 })).subscribe();
        expect(code).to.equal('ERR_BULKHEAD_FULL');
      }, 3);
      expectObservable(timer(3)).toBe('---(0|)', { 0: 0 });
      expectSubscriptions(sibling.subscriptions).toBe('^--!');
    });
  });

  it('stays consistent when a rejected source subscribes again at once', () => {
    const limit = bulkhead(1, { queue: 1, priority });
    const first = new Subject<void>();
    const log: string[] = [];
    first.pipe(limit).subscribe();
    const subscribe = (name: string, rank: number, again?: () => void): void => {
      defer(() => of(log.push(`${name} starts`)))
        .pipe(limit.for({ rank }))
        .subscribe({
          error: () => {
            log.push(`${name} fails`);
            again?.();
          },
        });
    };
    subscribe('low', 0, () => {
      subscribe('low again', 0);
      subscribe('top', 2);
    });
    subscribe('high', 1);
    first.complete();
    expect(log).to.deep.equal(['low fails', 'low again fails', 'high fails', 'top starts']);
  });

  it('starts 20,000 waiting sources of 20,000 priorities', () => {
    const limit = bulkhead(1, { queue: 20_000, priority });
    const first = new Subject<void>();
    const ranks: number[] = [];
    first.pipe(limit).subscribe();
    for (let index = 0; index < 20_000; index++) {
      const rank = (index * 7_919) % 20_000;
      defer(() => of(ranks.push(rank)))
        .pipe(limit.for({ rank }))
        .subscribe();
    }
    first.complete();
    expect(ranks).to.deep.equal(Array.from({ length: 20_000 }, (_, index) => 19_999 - index));
  });

  it('does what a sorted list does, whatever comes and leaves', () => {
    const caller = fc.record({
      rank: fc.integer({ min: -1, max: 2 }),
      at: fc.integer({ min: 0, max: 12 }),
      lasts: fc.integer({ min: 1, max: 6 }),
      leavesAfter: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
      time: fc.option(fc.integer({ min: 1, max: 20 }), { nil: Infinity }),
    });
    fc.assert(
      fc.property(
        fc.array(caller, { maxLength: 16 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 4 }),
        (callers, n, queue) => {
          marbles(({ flush }) => {
            const limit = bulkhead(n, { queue, priority });
            let model: number[] = [];
            const running = new Set<number>();
            const outcome = new Map<number, string>();
            /** A failed assertion in a source is an error of the source. */
            let failure: unknown;
            /** The oldest of the highest rank, or the newest if the oldest has waited for more than half of its time. */
            const next = (): number | undefined => {
              const [oldest = 0] = model;
              const { rank, at, time } = callers[oldest]!;
              const same = model.filter((index) => callers[index]!.rank === rank);
              return asyncScheduler.now() > at + time / 2 ? same.at(-1) : oldest;
            };
            const remove = (index: number): void => {
              model = model.filter((other) => other !== index);
            };
            const sorted = (all: number[]): number[] => all.sort((a, b) => callers[b]!.rank - callers[a]!.rank);
            for (const [index, { rank, at, lasts, leavesAfter, time }] of callers.entries()) {
              asyncScheduler.schedule(() => {
                const source = new Observable<never>((subscriber) => {
                  if (model.includes(index)) expect(next()).to.equal(index);
                  remove(index);
                  running.add(index);
                  expect(running.size).to.be.at.most(n);
                  subscriber.add(() => running.delete(index));
                  subscriber.add(
                    asyncScheduler.schedule(() => {
                      subscriber.complete();
                    }, lasts),
                  );
                });
                let rejected: number | undefined;
                if (model.length > 0 || running.size >= n) {
                  const room = queue + n - running.size;
                  model = sorted([...model, index]);
                  if (model.length > room) rejected = model.pop();
                }
                const subscription = source.pipe(limit.for({ rank, deadline: at + time })).subscribe({
                  error: (error: unknown) => {
                    if (error instanceof BulkheadFullError) outcome.set(index, 'rejected');
                    else if (error instanceof DeadlineExceededError) outcome.set(index, 'late');
                    else failure ??= error;
                    remove(index);
                  },
                  complete: () => outcome.set(index, 'completed'),
                });
                if (rejected !== undefined) expect(outcome.get(rejected)).to.equal('rejected');
                if (leavesAfter === undefined) return;
                asyncScheduler.schedule(() => {
                  if (!outcome.has(index)) outcome.set(index, 'left');
                  remove(index);
                  subscription.unsubscribe();
                }, leavesAfter);
              }, at);
            }
            flush();
            expect(failure).to.equal(undefined);
            expect([running.size, model.length, outcome.size]).to.deep.equal([0, 0, callers.length]);
          });
        },
      ),
      { numRuns: 500 },
    );
  });

  it('throws for a priority that is not a function or does not return a number', () => {
    expect(() => bulkhead(1, { priority: 1 as never })).to.throw(
      TypeError,
      'bulkhead: priority: expected a function, got 1: pass (ctx) => a number',
    );
    for (const rank of [NaN, '1', undefined]) {
      expect(() => bulkhead(1, { priority }).for({ rank: rank as number })).to.throw(
        RangeError,
        'bulkhead: priority: expected to return a number',
      );
    }
    expect(() => bulkhead({} as never)).to.throw(TypeError, 'pass adaptive({ min, max })');
  });
});

describe('bulkhead.for', () => {
  it('stops waiting at the deadline of the context', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const limit = bulkhead(1);
      const first = cold('-----|');
      const late = cold('-b|');
      const next = cold('-c|');
      const error = new DeadlineExceededError({ pending: ['bulkhead'], elapsed: 3 });
      expectObservable(first.pipe(limit)).toBe('-----|');
      expectObservable(late.pipe(limit.for({ deadline: 3 }))).toBe('---#', undefined, error);
      expectObservable(next.pipe(limit.for({ deadline: 6 }))).toBe('------c|');
      expectSubscriptions(late.subscriptions).toBe([]);
    });
  });

  it('starts nothing when a place becomes free at the deadline, and starts the next one in this frame', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const limit = bulkhead(1);
      const error = new DeadlineExceededError({ pending: ['bulkhead'], elapsed: 5 });
      const late = cold('-b|');
      const next = cold('-c|');
      expectObservable(cold('-----|').pipe(limit)).toBe('-----|');
      expectObservable(late.pipe(limit.for({ deadline: 5 }))).toBe('-----#', undefined, error);
      expectObservable(next.pipe(limit)).toBe('------c|');
      expectSubscriptions(late.subscriptions).toBe([]);
      expectSubscriptions(next.subscriptions).toBe('-----^-!');
    });
  });

  it('starts the newest first while the oldest has waited for more than half of its time', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const limit = bulkhead(1);
      const [oldest, older, newest] = [cold('-|'), cold('-|'), cold('-|')];
      expectObservable(cold('------|').pipe(limit)).toBe('------|');
      expectObservable(oldest.pipe(limit.for({ deadline: 11 }))).toBe('---------|');
      expectObservable(older.pipe(limit.for({ deadline: 13 })), '-^').toBe('--------|');
      expectObservable(newest.pipe(limit.for({ deadline: 20 })), '--^').toBe('-------|');
      expectSubscriptions(newest.subscriptions).toBe('------^!');
      expectSubscriptions(older.subscriptions).toBe('-------^!');
      expectSubscriptions(oldest.subscriptions).toBe('--------^!');
    });
  });

  it('errors at once when the deadline has passed, also if a place is free', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a|');
      const error = new DeadlineExceededError({ pending: ['bulkhead'], elapsed: 0 });
      expectObservable(source.pipe(bulkhead(1).for({ deadline: 0 }))).toBe('#', undefined, error);
      expectSubscriptions(source.subscriptions).toBe([]);
    });
  });

  it('does not limit the time of a source that has started', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('---a|').pipe(bulkhead(1).for({ deadline: 2 }))).toBe('---a|');
    });
  });

  it('sets no timer for a deadline that is too far away', () => {
    marbles(({ cold, expectObservable }) => {
      const limit = bulkhead(1);
      expectObservable(cold('--|').pipe(limit)).toBe('--|');
      for (const deadline of [Infinity, 2 ** 31, 2 ** 53]) {
        expectObservable(of('a').pipe(limit.for({ deadline }))).toBe('--(a|)');
      }
    });
  });

  it('stops waiting when the signal of the context aborts, and removes its listener', () => {
    const limit = bulkhead(1, { queue: 1, priority });
    const controller = new AbortController();
    const first = NEVER.pipe(limit).subscribe();
    const errors: unknown[] = [];
    const subscribe = (): void => {
      of(1)
        .pipe(limit.for({ rank: 1, signal: controller.signal }))
        .subscribe({ error: (error: unknown) => errors.push(error) });
    };
    subscribe();
    controller.abort('user left');
    NEVER.pipe(limit.for({ rank: 0 })).subscribe({ error: (error: unknown) => errors.push(error) });
    subscribe(); // has aborted, and rejects no one
    expect(errors).to.have.length(2);
    for (const error of errors) expect(error).to.be.instanceOf(CanceledError).and.include({ cause: 'user left' });
    first.unsubscribe();
  });

  it('lets the run report its deadline, with everything that is pending', () => {
    for (const join of [aggregate, aggregateLatest]) {
      marbles(({ flush }) => {
        const limit = bulkhead(1);
        NEVER.pipe(limit).subscribe();
        let error: unknown;
        const row = (ctx: Context) => of('row').pipe(limit.for(ctx));
        const page = aggregate({ row, other: () => NEVER });
        join(
          { page, last: () => NEVER },
          withTimeout(5),
        )(background).subscribe({
          error: (given: unknown) => (error = given),
        });
        flush();
        expect(error)
          .to.be.instanceOf(DeadlineExceededError)
          .and.deep.include({ pending: ['page', 'last'], elapsed: 5 });
      });
    }
  });

  it('starts nothing of a run whose deadline comes in the frame in which a place becomes free', () => {
    marbles(({ flush }) => {
      const limit = bulkhead(1);
      let started = 0;
      timer(5).pipe(limit).subscribe();
      const row = (ctx: Context) => defer(() => of(++started)).pipe(limit.for(ctx));
      aggregate({ row }, withTimeout(5))(background).subscribe({ error: () => undefined });
      flush();
      expect(started).to.equal(0);
    });
  });

  it('leaves a source that comes at the deadline of its run to the run', () => {
    marbles(({ expectObservable }) => {
      const limit = bulkhead(1);
      const row = (ctx: Context) => timer(5).pipe(mergeMap(() => of('row').pipe(limit.for(ctx))));
      expectObservable(aggregate({ row }, withTimeout(5))(background)).toBe('-----(a|)', { a: { row: 'row' } });
    });
  });

  it('throws for a context that is not valid', () => {
    expect(() => bulkhead(1).for({ deadline: NaN })).to.throw(RangeError, 'ctx.deadline: expected epoch milliseconds');
    expect(() => bulkhead(1).for(undefined as never)).to.throw(TypeError, 'ctx: expected a context');
  });
});
