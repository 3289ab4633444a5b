import { expect } from 'chai';
import {
  asyncScheduler,
  config,
  count,
  defer,
  finalize,
  forkJoin,
  identity,
  ignoreElements,
  map,
  merge,
  NEVER,
} from 'rxjs';
import {
  Observable,
  of,
  type OperatorFunction,
  pipe,
  Subject,
  takeUntil,
  throwError,
  timer,
  toArray,
  UnsubscriptionError,
} from 'rxjs';
import { aggregate, background, bulkhead, BulkheadFullError, type Service, withTimeout } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

type ServiceRecord = Readonly<Record<string, () => Observable<unknown>>>;

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

  describe('starts no waiting service of a run that ends', () => {
    const ends: Readonly<Record<string, (page: Service<void, unknown>) => Observable<unknown>>> = {
      'with a failure': (page) => aggregate({ page, failing: () => timer(2).pipe(map(fail)) })(background),
      'at its deadline': (page) => aggregate({ page }, withTimeout(2))(background),
      'when its signal aborts': (page) => page({ signal: abortedAt(2) }),
      'when it is unsubscribed': (page) => page(background).pipe(takeUntil(timer(2))),
    };
    const fail = (): never => {
      throw boom;
    };
    const abortedAt = (time: number): AbortSignal => {
      const controller = new AbortController();
      asyncScheduler.schedule(() => {
        controller.abort();
      }, time);
      return controller.signal;
    };
    /** Returns the services that start, and those that a caller outside the run starts. */
    const startedBy = (
      limit: <T>(source: Observable<T>) => Observable<T>,
      services: (service: (name: string, source?: Observable<unknown>) => () => Observable<unknown>) => ServiceRecord,
      end: (page: Service<void, unknown>) => Observable<unknown>,
    ): readonly string[] => {
      const started: string[] = [];
      const service = (name: string, source: Observable<unknown> = NEVER) => {
        const logged = defer(() => {
          started.push(name);
          return source;
        });
        return () => logged.pipe(limit);
      };
      marbles(({ flush }) => {
        end(aggregate(services(service))).subscribe({ error: () => undefined });
        const other = service('other', of(1));
        asyncScheduler.schedule(() => other().subscribe(), 1);
        flush();
      });
      return started;
    };

    const subscribeTo = (service: () => Observable<unknown>) => () =>
      void service().subscribe({ error: () => undefined });

    for (const [how, end] of Object.entries(ends)) {
      it(how, () => {
        const started = startedBy(bulkhead(1), (service) => ({ a: service('a'), b: service('b') }), end);
        expect(started).to.deep.equal(['a', 'other']);
      });

      it(`${how}, whose teardown uses the bulkhead`, () => {
        for (const [source, n] of [[of(1)], [timer(1)], [throwError(() => boom)], [of(1), 2]] as const) {
          const started = startedBy(
            bulkhead(n ?? 1),
            (service) => {
              const unlock = service('unlock', source);
              const lock = () => service('lock')().pipe(finalize(subscribeTo(unlock)));
              return { ...(n && { first: service('lock') }), lock, a: service('a'), b: service('b') };
            },
            end,
          );
          expect(started).to.deep.equal([...(n ? ['lock'] : []), 'lock', 'other', 'unlock']);
        }
      });

      it(`${how}, whose teardown ends another source of the bulkhead`, () => {
        for (const release of [
          (lock: Subject<unknown>) => {
            lock.complete();
          },
          (lock: Subject<unknown>) => {
            lock.error(boom);
          },
        ]) {
          const lock = new Subject<unknown>();
          const limit = bulkhead(1);
          lock.pipe(limit).subscribe({ error: () => undefined });
          const releasing = () =>
            NEVER.pipe(
              finalize(() => {
                release(lock);
              }),
            );
          expect(startedBy(limit, (service) => ({ releasing, a: service('a') }), end)).to.deep.equal(['other']);
        }
      });
    }

    for (const [how, source] of [
      ['because a service is empty', timer(2).pipe(ignoreElements())],
      ['because a service fails', timer(2).pipe(map(fail))],
      ['because the last operator of a service fails', timer(2)],
    ] as const) {
      it(how, () => {
        const operator: OperatorFunction<unknown, unknown> = how.includes('operator')
          ? pipe(toArray(), map(fail))
          : identity;
        const started = startedBy(
          bulkhead(1),
          (service) => ({ a: () => service('a', source)().pipe(operator), b: service('b') }),
          (page) => page(background),
        );
        expect(started).to.deep.equal(['a', 'other']);
      });
    }
  });

  it('keeps the order of its callers, also of those that come between an error and the next start', () => {
    marbles(({ flush }) => {
      const started: string[] = [];
      const limit = bulkhead(1);
      const first = new Subject<void>();
      const subscribe = (name: string): void => {
        defer(() => of(started.push(name)))
          .pipe(limit)
          .subscribe();
      };
      first.pipe(limit).subscribe({
        error: () => {
          subscribe('c');
        },
      });
      for (const name of ['a', 'b']) subscribe(name);
      first.error(boom);
      subscribe('d');
      expect(started).to.deep.equal([]);
      flush();
      subscribe('e');
      expect(started).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
    });
  });

  it('reports an error that the teardown of a waiting source throws, and starts the next', () => {
    const reported: unknown[] = [];
    config.onUnhandledError = (error) => reported.push(error);
    marbles(({ flush }) => {
      const limit = bulkhead(1);
      const first = new Subject<void>();
      const throwing = new Observable<never>((subscriber) => {
        subscriber.complete();
        return () => {
          throw boom;
        };
      });
      let values = 0;
      first.pipe(limit).subscribe();
      throwing.pipe(limit).subscribe();
      of(1)
        .pipe(limit)
        .subscribe(() => values++);
      first.complete();
      expect(values).to.equal(1);
      flush();
    });
    config.onUnhandledError = null;
    expect(
      reported.flatMap((error) => (error instanceof UnsubscriptionError ? (error.errors as unknown[]) : error)),
    ).to.deep.equal([boom]);
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
