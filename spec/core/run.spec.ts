import { expect } from 'chai';
import {
  asyncScheduler,
  catchError,
  concatWith,
  config,
  defer,
  delay,
  ignoreElements,
  map,
  merge,
  type MonoTypeOperatorFunction,
  NEVER,
  Observable,
  of,
  repeat,
  retry,
  Subject,
  switchMap,
  tap,
  throwError,
  TimeoutError,
  timer,
} from 'rxjs';
import {
  aggregate,
  aggregateLatest,
  background,
  CanceledError,
  type Context,
  DeadlineExceededError,
  type Fetch,
  fromAbortable,
  hedge,
  perRun,
  type Service,
  type RunEvent,
  ServiceError,
  silent,
  singleFlight,
  withConcurrency,
  withEvents,
  withFetch,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, type RecordedEvents, recordEvents } from '../../lib/testing/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

const quiet = withLogger(silent);
const boom = new Error('boom');
const fails = (): Observable<never> => throwError(() => boom);

/** The error of a source that has it at once. */
function errorOf(source: Observable<unknown>): unknown {
  let told: unknown;
  source.subscribe({ error: (error: unknown) => (told = error) });
  return told;
}

/** A service that never answers, and writes down when it is torn down and when its signal aborts. */
function watched(name: string, log: string[]): (ctx: Context) => Observable<never> {
  return (ctx) =>
    new Observable(() => {
      ctx.signal?.addEventListener('abort', () => log.push(`${name} aborted`));
      return () => log.push(`${name} torn down`);
    });
}

describe('a run', () => {
  expectNoUnhandledRejections();

  describe('fails fast', () => {
    it('tears the siblings down, aborts its signal, tells its observers, and then its subscriber', () => {
      const log: string[] = [];
      const failing = new Subject<never>();
      const ask = aggregate(
        { a: watched('a', log), failing: () => failing, b: watched('b', log) },
        quiet,
        withEvents({ next: ({ type, service }) => log.push(`event ${type} ${service ?? ''}`) }),
      );
      ask(background).subscribe({ error: () => log.push('notified') });
      log.length = 0;
      failing.error(boom);
      expect(log).to.deep.equal([
        'a torn down',
        'b torn down',
        'a aborted',
        'b aborted',
        'event failed failing',
        'event canceled a',
        'event canceled b',
        'event failed ',
        'notified',
      ]);
    });

    it('keeps that order on the deadline, on the abort of the caller, and on unsubscribing', () => {
      const order = ['a torn down', 'a aborted', 'event canceled a'];
      marbles(({ flush }) => {
        for (const how of ['deadline', 'abort', 'unsubscribe'] as const) {
          const log: string[] = [];
          const controller = new AbortController();
          const subscription = aggregate(
            { a: watched('a', log) },
            quiet,
            withTimeout(10),
            withEvents({ next: ({ type, service }) => log.push(`event ${type} ${service ?? 'run'}`) }),
          )({ signal: controller.signal }).subscribe({ error: () => log.push('notified') });
          log.length = 0;
          if (how === 'abort') controller.abort();
          if (how === 'unsubscribe') subscription.unsubscribe();
          if (how === 'deadline') flush();
          expect(log, how).to.deep.equal(
            {
              deadline: [...order, 'event failed run', 'notified'],
              abort: [...order, 'event canceled run', 'notified'],
              unsubscribe: [...order, 'event canceled run'],
            }[how],
          );
        }
      });
    });

    it('aborts its signal with the very error that the subscriber gets', () => {
      let signal: AbortSignal | undefined;
      const listening: Service<void, never> = (ctx) => {
        signal = ctx.signal;
        return NEVER;
      };
      const error = errorOf(aggregate({ listening, fails }, quiet)(background));
      expect(error).to.be.instanceOf(ServiceError);
      expect(signal?.reason).to.equal(error);
    });

    it('does not abort its signal when it succeeds', () => {
      let signal: AbortSignal | undefined;
      aggregate({
        one: (ctx) => {
          signal = ctx.signal;
          return of(1);
        },
      })(background).subscribe();
      expect(signal?.aborted).to.equal(false);
    });

    it('wakes no retry and no catchError in a sibling', () => {
      const asked: string[] = [];
      const driver = (ctx: Context): Observable<never> =>
        new Observable((subscriber) => {
          asked.push('asked');
          // As a driver would: it answers the abort with an error, synchronously.
          ctx.signal?.addEventListener('abort', () => {
            subscriber.error(new Error('aborted'));
          });
        });
      const failing = new Subject<never>();
      const ask = aggregate(
        {
          retried: (ctx) => driver(ctx).pipe(retry(3)),
          caught: (ctx) =>
            driver(ctx).pipe(
              catchError(() => {
                asked.push('caught');
                return of(1);
              }),
            ),
          nested: aggregate({ inner: (ctx) => driver(ctx) }, quiet),
          failing: () => failing,
        },
        quiet,
      );
      ask(background).subscribe({ error: () => asked.push('notified') });
      failing.error(boom);
      expect(asked).to.deep.equal(['asked', 'asked', 'asked', 'notified']);
    });

    it('calls no factory after a service failed synchronously', () => {
      const log: string[] = [];
      const ask = aggregate(
        {
          first: watched('first', log),
          fails,
          rest: () => {
            log.push('rest called');
            return NEVER;
          },
        },
        quiet,
      );
      expect(errorOf(ask(background))).to.have.property('service', 'fails');
      expect(log).to.deep.equal(['first torn down', 'first aborted']);
    });

    it('on a source whose subscribe throws, as on one that errors', () => {
      const broken = Object.assign(new Observable<never>(), {
        subscribe: (): never => {
          throw boom;
        },
      });
      expect(errorOf(aggregate({ a: () => NEVER, broken: () => broken }, quiet)(background)))
        .to.be.instanceOf(ServiceError)
        .and.include({ service: 'broken', cause: boom });
    });

    it('names the service, says after how long, and keeps the cause', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const profile = cold<number>('---#     ', undefined, boom);
        const orders = cold('         ------o| ');
        const expected = '            ---(e|)  ';
        const ask = aggregate({ profile: () => profile, orders: () => orders }, quiet)(background);
        const seen = ask.pipe(catchError((error: ServiceError) => of([error.service, error.elapsed, error.cause])));
        expectObservable(seen).toBe(expected, { e: ['profile', 3, boom] });
        expectSubscriptions(orders.subscriptions).toBe('^--!');
      });
    });

    it('lets the first of an error, an abort and the deadline in one tick win, once', () => {
      marbles(({ cold, flush }) => {
        const { next, brief } = recordEvents();
        const controller = new AbortController();
        const told: unknown[] = [];
        const ask = aggregate(
          {
            a: () =>
              timer(10).pipe(
                switchMap(() => {
                  controller.abort('too late');
                  return fails();
                }),
              ),
            b: () => cold('10ms #', undefined, boom),
          },
          quiet,
          withTimeout(10),
          withEvents({ next }),
        );
        ask({ signal: controller.signal }).subscribe({ error: (error: unknown) => told.push(error) });
        flush();
        expect(told).to.have.length(1);
        expect(told[0]).to.be.instanceOf(CanceledError).and.have.property('cause', 'too late');
        expect(brief()).to.deep.equal(['started', 'started a', 'started b', 'canceled a', 'canceled b', 'canceled']);
      });
    });

    it('ends a service that emits without end, from inside its own subscribe', () => {
      const controller = new AbortController();
      let emitted = 0;
      const firehose = (): Observable<number> =>
        new Observable((subscriber) => {
          while (!subscriber.closed) {
            subscriber.next(++emitted);
            if (emitted === 1_000) controller.abort();
          }
        });
      const error = errorOf(aggregate({ firehose }, quiet)({ signal: controller.signal }));
      expect(error).to.be.instanceOf(CanceledError);
      expect(emitted).to.equal(1_000);
    });

    it('subscribes to nothing that a factory returned after it ended the run, and lets no promise reject unhandled', () => {
      const controller = new AbortController();
      let subscribed = false;
      const ask = aggregate(
        {
          leaves: () => {
            controller.abort();
            return defer(() => {
              subscribed = true;
              return of(1);
            });
          },
        },
        quiet,
      );
      expect(errorOf(ask({ signal: controller.signal }))).to.be.instanceOf(CanceledError);
      expect(subscribed).to.equal(false);

      const other = new AbortController();
      const rejecting = (() => {
        other.abort();
        return Promise.reject(boom);
      }) as unknown as Service<void, never>;
      expect(errorOf(aggregate({ rejecting }, quiet)({ signal: other.signal }))).to.be.instanceOf(CanceledError);
    });
  });

  describe('starts nothing after the end', () => {
    const never = (): never => {
      throw new Error('called');
    };

    it('refuses an already aborted context at once, with the very reason', () => {
      for (const reason of [boom, 'the user left', 0, null]) {
        const error = errorOf(aggregate({ never }, quiet)({ signal: AbortSignal.abort(reason) }));
        expect(error).to.be.instanceOf(CanceledError);
        expect((error as CanceledError).cause).to.equal(reason);
      }
    });

    it('refuses a deadline that has passed at once, naming all services as pending', () => {
      const deadline = asyncScheduler.now() - 1;
      const error = errorOf(aggregate({ a: never, b: never }, quiet)({ deadline }));
      expect(error)
        .to.be.instanceOf(DeadlineExceededError)
        .and.deep.include({ pending: ['a', 'b'] });
      expect((error as Error).cause).to.be.instanceOf(TimeoutError);
    });

    it('takes a deadline that is now as passed, as Go does', () => {
      marbles(({ expectObservable }) => {
        const ask = aggregate({ never }, quiet)({ deadline: 0 });
        expectObservable(ask).toBe('#', undefined, new DeadlineExceededError({ pending: ['never'], elapsed: 0 }));
      });
    });

    it('answers an unsound context with a typed error that says what to pass', () => {
      const ask = (ctx: unknown): unknown => errorOf(aggregate({ never }, quiet)(ctx as Context));
      expect(ask(undefined)).to.be.instanceOf(TypeError).and.have.property('message').that.includes('pass background');
      expect(ask(42)).to.be.instanceOf(TypeError);
      const { signal } = new AbortController();
      expect(ask(signal)).to.be.instanceOf(TypeError).and.have.property('message').that.includes('{ signal }');
      expect(ask({ signal: new AbortController() }))
        .to.be.instanceOf(TypeError)
        .and.have.property('message')
        .that.includes('controller.signal');
      expect(ask({ deadline: NaN }))
        .to.be.instanceOf(RangeError)
        .and.have.property('message')
        .that.includes('NaN');
      expect(ask({ deadline: new Date() })).to.be.instanceOf(RangeError);
      expect(ask({ fetch: 'fetch' })).to.be.instanceOf(TypeError);
    });
  });

  describe('derives the context of its services', () => {
    const contextOf = (ctx: Context, ...options: Parameters<typeof aggregate>[1][]): Context => {
      let derived: Context | undefined;
      aggregate(
        {
          one: (given) => {
            derived = given;
            return of(1);
          },
        },
        ...options,
      )(ctx).subscribe();
      return derived!;
    };

    it('keeps what the caller put in, and gives a signal of its own', () => {
      const { signal } = new AbortController();
      const tenant = Symbol('tenant');
      const ctx = { signal, tenant: 'acme', [tenant]: 1, propagate: { a: 'b' } };
      const derived = contextOf(ctx, withTimeout(Infinity));
      expect(derived.signal).to.be.instanceOf(AbortSignal).and.not.equal(signal);
      expect(derived).to.deep.include({ tenant: 'acme', propagate: { a: 'b' } });
      expect(derived).to.have.property(tenant, 1);
    });

    it('gives the sooner deadline, and no key where there is none', () => {
      marbles(() => {
        expect(contextOf(background, withTimeout(10))).to.include({ deadline: 10 });
        expect(contextOf({ deadline: 5 }, withTimeout(10))).to.include({ deadline: 5 });
        expect(contextOf({ deadline: 15 }, withTimeout(10))).to.include({ deadline: 10 });
        expect(contextOf({ deadline: 15 }, withTimeout(Infinity))).to.include({ deadline: 15 });
        expect(Object.keys(contextOf({ deadline: Infinity }, withTimeout(Infinity)))).to.deep.equal(['signal']);
        expect(contextOf(background)).to.include({ deadline: 30_000 });
      });
    });

    it('prefers ctx.fetch to withFetch, and has no key where there is neither', () => {
      const mine: Fetch = () => Promise.reject(boom);
      const theirs: Fetch = () => Promise.reject(boom);
      expect(contextOf(background)).not.to.have.property('fetch');
      expect(contextOf(background, withFetch(mine))).to.have.property('fetch', mine);
      expect(contextOf({ fetch: theirs }, withFetch(mine))).to.have.property('fetch', theirs);
      expect(contextOf({ fetch: undefined }, withFetch(mine))).to.have.property('fetch', mine);
    });
  });

  describe('keeps its deadline', () => {
    it('to the frame, naming what is pending, the queued included', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const a = cold('      -(a|)           ');
        const b = cold('      --              ');
        const c = cold('      c|              ');
        const expected = '    1s #            ';
        const ask = aggregate({ a: () => a, b: () => b, c: () => c }, quiet, withTimeout(1_000), withConcurrency(1));
        const late = new DeadlineExceededError({ pending: ['b', 'c'], elapsed: 1_000 });
        const seen = ask(background).pipe(
          tap({
            error: (error: unknown) => {
              expect(error)
                .to.be.instanceOf(DeadlineExceededError)
                .and.deep.include({ pending: ['b', 'c'], elapsed: 1_000 });
              expect((error as Error).cause).to.be.instanceOf(TimeoutError);
            },
          }),
        );
        expectObservable(seen).toBe(expected, undefined, late);
        expectSubscriptions(b.subscriptions).toBe('-^ 998ms !');
        expectSubscriptions(c.subscriptions).toBe([]);
      });
    });

    it('the one of the caller where it is sooner', () => {
      marbles(({ expectObservable }) => {
        const ask = aggregate({ a: () => NEVER }, quiet, withTimeout(1_000));
        const late = new DeadlineExceededError({ pending: ['a'], elapsed: 300 });
        expectObservable(ask({ deadline: 300 })).toBe('300ms #', undefined, late);
      });
    });

    it('30 s by default', () => {
      marbles(({ expectObservable }) => {
        const late = new DeadlineExceededError({ pending: ['a'], elapsed: 30_000 });
        expectObservable(aggregate({ a: () => NEVER }, quiet)(background)).toBe('30s #', undefined, late);
      });
    });

    it('ends a service that emits and never completes', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const ticks = cold('1s a 999ms b');
        const late = new DeadlineExceededError({ pending: ['ticks'], elapsed: 1_500 });
        expectObservable(aggregate({ ticks: () => ticks }, quiet, withTimeout(1_500))(background)).toBe(
          '1500ms #',
          undefined,
          late,
        );
        expectSubscriptions(ticks.subscriptions).toBe('^ 1499ms !');
      });
    });

    it('lets what was scheduled first win a tie', () => {
      marbles(({ expectObservable }) => {
        const at = (source: () => Observable<unknown>): Observable<unknown> =>
          aggregate(
            { a: source },
            quiet,
            withTimeout(1_000),
          )(background).pipe(
            map(() => 'in time'),
            catchError(() => of('late')),
          );
        expectObservable(at(() => timer(1_000))).toBe('1s (v|)', { v: 'in time' });
        expectObservable(at(() => timer(500).pipe(delay(500)))).toBe('1s (v|)', { v: 'late' });
      });
    });

    it('with no timer where it is 2^31 ms away, or there is none', () => {
      marbles(({ expectObservable }) => {
        const ask = aggregate({ a: () => timer(5) }, quiet, withTimeout(Infinity));
        for (const deadline of [undefined, Infinity, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
          expectObservable(ask({ deadline })).toBe('5ms (a|)', { a: { a: 0 } });
        }
      });
    });

    it('with no timer from 2^31 ms on, which would fire at once, and with one before', () => {
      marbles(({ expectObservable }) => {
        const ask = aggregate({ a: () => NEVER }, quiet, withTimeout(Infinity));
        expectObservable(ask({ deadline: 2 ** 31 })).toBe('');
        const elapsed = 2 ** 31 - 1;
        const late = new DeadlineExceededError({ pending: ['a'], elapsed });
        expectObservable(ask({ deadline: elapsed })).toBe(`${String(elapsed)}ms #`, undefined, late);
      });
    });

    it('with one timer a run, set after the services have started, to the moment', () => {
      const order: unknown[] = [];
      const schedule = asyncScheduler.schedule.bind(asyncScheduler);
      const { now } = asyncScheduler;
      let clock = 5_000;
      asyncScheduler.now = () => clock;
      asyncScheduler.schedule = (work, delay, state) => {
        order.push(delay);
        return schedule(work, delay, state as never);
      };
      try {
        const service = (name: string) => (): Observable<never> => {
          order.push(name);
          clock += 100; // it blocks
          return NEVER;
        };
        const ask = aggregate({ a: service('a'), b: service('b') }, quiet, withTimeout(1_000));
        ask(background).subscribe().unsubscribe();
        ask({ deadline: clock + 300.5 })
          .subscribe()
          .unsubscribe();
        ask({ deadline: clock + 150 })
          .subscribe()
          .unsubscribe();
      } finally {
        asyncScheduler.now = now;
        Reflect.deleteProperty(asyncScheduler, 'schedule');
      }
      expect(order).to.deep.equal(['a', 'b', 800, 'a', 'b', 101, 'a', 'b', 0]);
    });
  });

  describe('nests', () => {
    const inner = (...options: Parameters<typeof aggregate>[1][]): Service<void, unknown> =>
      aggregate({ profile: () => NEVER }, quiet, ...options);

    it('leaves a deadline that is not sooner to the outer run, which names the aggregate', () => {
      for (const options of [[], [withTimeout(1_000)], [withTimeout(5_000)]]) {
        marbles(({ expectObservable }) => {
          const ask = aggregate({ dashboard: inner(...options) }, quiet, withTimeout(1_000));
          const late = new DeadlineExceededError({ pending: ['dashboard'], elapsed: 1_000 });
          expectObservable(ask(background)).toBe('1s #', undefined, late);
        });
      }
    });

    it('leaves it to the outermost run through one whose answers come as they are there', () => {
      marbles(({ expectObservable }) => {
        const growing = (ctx: Context): Observable<unknown> => aggregateLatest({ dashboard: inner() }, quiet)(ctx);
        const ask = aggregate({ growing }, quiet, withTimeout(1_000));
        const late = new DeadlineExceededError({ pending: ['growing'], elapsed: 1_000 });
        expectObservable(ask(background)).toBe('1s #', undefined, late);
      });
    });

    it('leaves it to the outer run also on the signal of fromAbortable', () => {
      marbles(({ expectObservable }) => {
        const dashboard = (ctx: Context): Observable<unknown> =>
          fromAbortable(ctx, (signal) => inner()({ ...ctx, signal }));
        const late = new DeadlineExceededError({ pending: ['dashboard'], elapsed: 1_000 });
        expectObservable(aggregate({ dashboard }, quiet, withTimeout(1_000))(background)).toBe('1s #', undefined, late);
      });
    });

    it('makes a ServiceError of a deadline that the inner run set sooner', () => {
      marbles(({ expectObservable }) => {
        const ask = aggregate({ dashboard: inner(withTimeout(300)) }, quiet, withTimeout(1_000));
        const seen = ask(background).pipe(
          catchError((error: ServiceError) => of([error.service, (error.cause as DeadlineExceededError).pending])),
        );
        expectObservable(seen).toBe('300ms (e|)', { e: ['dashboard', ['profile']] });
      });
    });

    it('leaves it to the outer run also where it starts at that very moment, and calls nothing', () => {
      marbles(({ expectObservable }) => {
        let called = false;
        const late: Service<void, unknown> = aggregate(
          {
            profile: () => {
              called = true;
              return NEVER;
            },
          },
          quiet,
        );
        const ask = aggregate(
          { dashboard: (ctx) => timer(1_000).pipe(switchMap(() => late(ctx))) },
          quiet,
          withTimeout(1_000),
        );
        const error = new DeadlineExceededError({ pending: ['dashboard'], elapsed: 1_000 });
        expectObservable(
          ask(background).pipe(
            tap({
              error: () => {
                expect(called).to.equal(false);
              },
            }),
          ),
        ).toBe('1s #', undefined, error);
      });
    });

    it('keeps a deadline itself once the outer run is over, or where a service made it sooner', () => {
      marbles(({ expectObservable, flush }) => {
        let leaked: Context = background;
        aggregate(
          {
            a: (ctx) => {
              leaked = ctx;
              return of(1);
            },
          },
          quiet,
          withTimeout(1_000),
        )(background).subscribe();
        flush();
        const late = new DeadlineExceededError({ pending: ['profile'], elapsed: 1_000 });
        expectObservable(inner()(leaked)).toBe('1s #', undefined, late);
        const sooner = aggregate({ dashboard: (ctx) => inner()({ ...ctx, deadline: 300 }) }, quiet, withTimeout(1_000));
        expectObservable(sooner(background).pipe(catchError((error: ServiceError) => of(error.service)))).toBe(
          '300ms (e|)',
          { e: 'dashboard' },
        );
      });
    });

    it('keeps a deadline itself that it had left to an outer run which fails, and whose signal it does not have', () => {
      marbles(({ expectObservable }) => {
        const ended = new Subject<unknown>();
        const audit = inner(withTimeout(1_000));
        const page = (ctx: Context): Observable<unknown> =>
          fromAbortable(ctx, (signal) => {
            audit({ ...ctx, signal }).subscribe(ended);
            return of('page');
          });
        const ask = aggregate({ page, fails: () => timer(300).pipe(switchMap(fails)) }, quiet, withTimeout(1_000));
        expectObservable(ask(background)).toBe(
          '300ms #',
          undefined,
          new ServiceError({ service: 'fails', elapsed: 300, cause: boom }),
        );
        const late = new DeadlineExceededError({ pending: ['profile'], elapsed: 1_000 });
        expectObservable(ended).toBe('1s #', undefined, late);
      });
    });

    it('keeps a deadline itself that it had left through a run whose outer one is over', () => {
      marbles(({ expectObservable }) => {
        const ended = new Subject<unknown>();
        const late = inner(withTimeout(5_000));
        const b = (ctx: Context): Observable<unknown> => {
          timer(200)
            .pipe(switchMap(() => late(ctx)))
            .subscribe(ended);
          return merge(of('x'), NEVER);
        };
        const growing = aggregateLatest({ b }, quiet, withTimeout(500));
        const a = (ctx: Context): Observable<unknown> => (growing(ctx).subscribe(), timer(100));
        expectObservable(aggregate({ a }, quiet, withTimeout(1_000))(background)).toBe('100ms (a|)', { a: { a: 0 } });
        const error = new DeadlineExceededError({ pending: ['profile'], elapsed: 800 });
        expectObservable(ended).toBe('1s #', undefined, error);
      });
    });

    it('keeps a deadline itself that it had left to an outer run which succeeds without it', () => {
      marbles(({ expectObservable }) => {
        for (const asked of [1_000, 300]) {
          const ended = new Subject<unknown>();
          const audit = inner(withTimeout(1_000));
          const page = (ctx: Context): Observable<string> => {
            audit(ctx).subscribe(ended);
            return of('page').pipe(delay(asked - 200));
          };
          expectObservable(aggregate({ page }, quiet, withTimeout(asked))(background)).toBe(
            `${String(asked - 200)}ms (p|)`,
            { p: { page: 'page' } },
          );
          const late = new DeadlineExceededError({ pending: ['profile'], elapsed: asked });
          expectObservable(ended).toBe(`${String(asked)}ms #`, undefined, late);
        }
      });
    });

    it('reports one flat error, with the original as its cause', () => {
      const path = (error: unknown): unknown => [(error as ServiceError).service, (error as ServiceError).cause];
      const dashboard = aggregate({ profile: fails }, quiet);
      const pair = aggregate([() => of(1), fails], quiet);
      const ask = (services: Record<string, Service<void, unknown>>): unknown =>
        path(errorOf(aggregate(services, quiet)(background)));
      expect(ask({ dashboard })).to.deep.equal(['dashboard.profile', boom]);
      expect(ask({ page: aggregate({ dashboard }, quiet) })).to.deep.equal(['page.dashboard.profile', boom]);
      expect(ask({ pair })).to.deep.equal(['pair[1]', boom]);
      expect(path(errorOf(aggregate([dashboard], quiet)(background)))).to.deep.equal(['[0].profile', boom]);
      expect(errorOf(aggregate({ dashboard }, quiet)(background))).to.have.property(
        'message',
        'dashboard.profile: boom',
      );
    });

    it('counts elapsed from the start of the outer run', () => {
      marbles(({ expectObservable }) => {
        const dashboard = aggregate({ profile: () => timer(3).pipe(switchMap(fails)) }, quiet);
        const ask = aggregate({ dashboard: (ctx) => timer(4).pipe(switchMap(() => dashboard(ctx))) }, quiet);
        const seen = ask(background).pipe(catchError((error: ServiceError) => of(error.elapsed)));
        expectObservable(seen).toBe('7ms (e|)', { e: 7 });
      });
    });
  });

  describe('is canceled', () => {
    it('by the caller, in the same frame, with the very reason', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const controller = new AbortController();
        const a = cold('------a|');
        const leaves = timer(3).pipe(
          tap(() => {
            controller.abort('bye');
          }),
          ignoreElements(),
        );
        const ask = aggregate({ a: () => a }, quiet)({ signal: controller.signal });
        const seen = merge(ask, leaves).pipe(catchError((error: CanceledError) => of(error.cause)));
        expectObservable(seen).toBe('---(e|)', { e: 'bye' });
        expectSubscriptions(a.subscriptions).toBe('^--!');
      });
    });

    it('by unsubscribing: nothing is notified, and the signal aborts with a CanceledError that has no cause', () => {
      let signal: AbortSignal | undefined;
      const told: unknown[] = [];
      const subscription = aggregate(
        {
          a: (ctx) => {
            signal = ctx.signal;
            return NEVER;
          },
        },
        quiet,
      )(background).subscribe({
        error: (error: unknown) => told.push(error),
        complete: () => told.push('complete'),
      });
      subscription.unsubscribe();
      expect(told).to.deep.equal([]);
      expect(signal?.reason).to.be.instanceOf(CanceledError).and.not.have.property('cause');
    });

    it('by who has left: RxJS hears of no error that came too late', () => {
      const stopped: unknown[] = [];
      config.onStoppedNotification = ({ kind }) => {
        if (kind === 'E') stopped.push(kind);
      };
      try {
        marbles(({ flush }) => {
          for (const at of ['started', 'started a', 'succeeded a', 'succeeded', 'later']) {
            const leaving = new Subject<void>();
            const sink = {
              next: ({ type, service }: RunEvent) => {
                if (at === (service === undefined ? type : `${type} ${service}`)) leaving.next();
              },
            };
            const ask = aggregate({ a: () => of(1), b: () => timer(1) }, quiet, withEvents(sink));
            const left = new Observable((subscriber) => {
              leaving.subscribe(() => {
                subscriber.unsubscribe();
              });
              ask(background).subscribe(subscriber);
            });
            left.subscribe();
            leaving.next();
          }
          flush();
        });
      } finally {
        config.onStoppedNotification = null;
      }
      expect(stopped).to.deep.equal([]);
    });

    it('by a sink or a factory that unsubscribes, as by anybody', () => {
      const log: string[] = [];
      const leaving = new Subject<void>();
      const ask = aggregate(
        {
          a: watched('a', log),
          b: () => {
            leaving.next();
            return NEVER;
          },
          c: watched('c', log),
        },
        quiet,
      );
      const subscription = ask(background).subscribe();
      subscription.unsubscribe();
      log.length = 0;
      const next = new Observable((subscriber) => {
        leaving.subscribe(() => {
          subscriber.unsubscribe();
        });
        return ask(background).subscribe(subscriber);
      });
      next.subscribe();
      expect(log).to.deep.equal(['a torn down', 'a aborted']);
    });
  });

  describe('limits what is in flight', () => {
    it('starts the queued in order, as places fall free', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const a = cold('  ---a|');
        const b = cold('  -b|');
        const c = cold('    --c|');
        const d = cold('      d|');
        const expected = '-----(r|)';
        const ask = aggregate([() => a, () => b, () => c, () => d], quiet, withConcurrency(2));
        expectObservable(ask(background)).toBe(expected, { r: ['a', 'b', 'c', 'd'] });
        expectSubscriptions(a.subscriptions).toBe('^---!');
        expectSubscriptions(b.subscriptions).toBe('^-!');
        expectSubscriptions(c.subscriptions).toBe('--^--!');
        expectSubscriptions(d.subscriptions).toBe('----^!');
      });
    });

    it('never starts the queued after a failure', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const a = cold<number>('--#', undefined, boom);
        const b = cold('b|');
        const ask = aggregate({ a: () => a, b: () => b }, quiet, withConcurrency(1));
        expectObservable(ask(background)).toBe(
          '--#',
          undefined,
          new ServiceError({ service: 'a', elapsed: 2, cause: boom }),
        );
        expectSubscriptions(b.subscriptions).toBe([]);
      });
    });

    it('passes 20,000 synchronous services behind an asynchronous one without a deep stack', () => {
      const gate = new Subject<number>();
      const services = [() => gate, ...Array.from({ length: 20_000 }, (_, index) => () => of(index))];
      let answered: readonly number[] = [];
      aggregate(services, quiet, withConcurrency(1))(background).subscribe((values) => (answered = values));
      expect(answered).to.have.length(0);
      gate.next(-1);
      gate.complete();
      expect(answered).to.have.length(20_001);
      expect(answered.at(-1)).to.equal(19_999);
    }).timeout(60_000);
  });

  describe('survives a teardown that throws', () => {
    const torn = new Error('torn');
    const throwing =
      (source: Observable<unknown> = NEVER): (() => Observable<unknown>) =>
      () =>
        new Observable((subscriber) => {
          subscriber.add(() => {
            throw torn;
          });
          subscriber.add(source.subscribe(subscriber));
        });
    const run = (
      services: Record<string, Service<void, unknown>>,
    ): { told: unknown[]; recorded: RecordedEvents; cancel: () => void } => {
      const recorded = recordEvents();
      const told: unknown[] = [];
      const subscription = aggregate(
        services,
        quiet,
        withEvents(recorded),
      )(background).subscribe({
        next: (value) => told.push(value),
        error: (error: unknown) => told.push(error),
        complete: () => told.push('complete'),
      });
      return {
        told,
        recorded,
        cancel: () => {
          subscription.unsubscribe();
        },
      };
    };

    it('of a sibling of the failure: all are torn down, the error is the same', () => {
      const log: string[] = [];
      const { told, recorded } = run({ a: throwing(), b: watched('b', log), fails });
      expect(told).to.have.length(1);
      expect(told[0]).to.include({ service: 'fails', cause: boom });
      expect(log).to.deep.equal(['b torn down', 'b aborted']);
      expect(recorded.brief().slice(4)).to.deep.equal([
        'failed fails',
        'canceled a',
        'canceled b',
        'teardown-failed a',
        'failed',
      ]);
      expect(recorded.events.find(({ type }) => type === 'teardown-failed')).to.have.property('error', torn);
    });

    it('of the service that fails', () => {
      const { told, recorded } = run({ a: throwing(fails()) });
      expect(told).to.have.length(1);
      expect(told[0]).to.include({ service: 'a', cause: boom });
      expect(recorded.brief()).to.deep.equal(['started', 'started a', 'failed a', 'teardown-failed a', 'failed']);
    });

    it('of a service that succeeds, now or later', () => {
      marbles(({ flush }) => {
        for (const source of [of(1), timer(5).pipe(map(() => 1))]) {
          const { told, recorded } = run({ a: throwing(source), b: () => of(2) });
          flush();
          expect(told).to.deep.equal([{ a: 1, b: 2 }, 'complete']);
          expect(recorded.brief().filter((line) => line.endsWith(' a'))).to.deep.equal([
            'started a',
            'succeeded a',
            'teardown-failed a',
          ]);
          expect(recorded.brief().at(-1)).to.equal('succeeded');
        }
      });
    });

    it('behind fromAbortable, perRun and singleFlight, and of the lane of a hedge', () => {
      let lanes = 0;
      const lane = (own: Observable<unknown>): Observable<unknown> =>
        defer(() => (lanes++ === 0 ? throwing(timer(5).pipe(switchMap(fails)))() : own));
      const ways: Record<string, (source: Observable<unknown>) => Service<void, unknown>> = {
        fromAbortable: (source) => (ctx) => fromAbortable(ctx, throwing(source)),
        perRun: (source) => perRun(throwing(source)),
        singleFlight: (source) => singleFlight(throwing(source)),
        hedge: (source) => () => lane(source).pipe(hedge({ after: 2 })),
      };
      for (const [way, make] of Object.entries(ways)) {
        for (const source of [timer(5).pipe(map(() => 1)), timer(5).pipe(switchMap(fails))]) {
          lanes = 0;
          marbles(({ flush }) => {
            const { told, recorded } = run({ a: make(source), b: () => timer(9).pipe(map(() => 2)) });
            flush();
            const outcome = recorded.brief().at(-1);
            if (outcome === 'succeeded') expect(told, way).to.deep.equal([{ a: 1, b: 2 }, 'complete']);
            else expect(told, way).to.have.length(1).and.have.nested.property('[0].cause', boom);
            expect(recorded.brief(), way).to.include('teardown-failed a');
            expect(recorded.events.find(({ type }) => type === 'teardown-failed')).to.have.property('error', torn);
          });
        }
      }
    });

    it('changes nothing for the operators behind it, and is told all the same', () => {
      const ways: Record<string, (source: Observable<unknown>) => Service<void, unknown>> = {
        fromAbortable: (source) => (ctx) => fromAbortable(ctx, throwing(source)),
        perRun: (source) => perRun(throwing(source)),
        singleFlight: (source) => singleFlight(throwing(source)),
      };
      for (const [way, make] of Object.entries(ways)) {
        let asked = 0;
        const second = defer(() => timer(2).pipe(map(() => (++asked % 2 === 1 ? fails() : of(2))))).pipe(
          switchMap((o) => o),
        );
        const one = timer(2).pipe(map(() => 1));
        const behind: [Observable<unknown>, MonoTypeOperatorFunction<unknown>, unknown][] = [
          [second, retry(3), 2],
          [timer(2).pipe(switchMap(fails)), catchError(() => of('caught')), 'caught'],
          [one, repeat(2), 1],
          [one, concatWith(of('more')), 'more'],
        ];
        if (way === 'fromAbortable') behind.push([of(1), concatWith(of('more')), 'more']);
        for (const [index, [source, operator, answer]] of behind.entries()) {
          marbles(({ flush }) => {
            const service = make(source);
            const { told, recorded } = run({ a: (ctx) => service(ctx).pipe(operator) });
            flush();
            expect(told, `${way} ${String(index)}`).to.deep.equal([{ a: answer }, 'complete']);
            expect(recorded.brief(), `${way} ${String(index)}`).to.include('teardown-failed a');
          });
        }
      }
    });

    it('behind fromAbortable, where the source returned it after it was done', () => {
      const late = new Observable<number>((subscriber) => {
        subscriber.next(1);
        subscriber.complete();
        return () => {
          throw torn;
        };
      });
      const { told, recorded } = run({ a: (ctx) => fromAbortable(ctx, () => late) });
      expect(told).to.deep.equal([{ a: 1 }, 'complete']);
      expect(recorded.brief()).to.deep.equal(['started', 'started a', 'succeeded a', 'teardown-failed a', 'succeeded']);
    });

    it('of a service that returned it after it was done', () => {
      const { told, recorded } = run({
        a: () =>
          new Observable((subscriber) => {
            subscriber.next(1);
            subscriber.complete();
            return () => {
              throw torn;
            };
          }),
      });
      expect(told).to.deep.equal([{ a: 1 }, 'complete']);
      expect(recorded.brief()).to.deep.equal(['started', 'started a', 'succeeded a', 'teardown-failed a', 'succeeded']);
    });

    it('of a service that ended the run while it was being subscribed to', () => {
      const controller = new AbortController();
      const { events, brief, next } = recordEvents();
      const leaves = (): Observable<never> =>
        new Observable(() => {
          controller.abort();
          return () => {
            throw torn;
          };
        });
      const ask = aggregate({ leaves }, quiet, withEvents({ next }));
      expect(errorOf(ask({ signal: controller.signal }))).to.be.instanceOf(CanceledError);
      expect(brief()).to.deep.equal([
        'started',
        'started leaves',
        'canceled leaves',
        'canceled',
        'teardown-failed leaves',
      ]);
      expect(events.at(-1)).to.have.property('error', torn);
    });

    it('on unsubscribing, and tells each error where several threw', () => {
      const { told, recorded, cancel } = run({ a: () => merge(throwing()(), throwing()()) });
      cancel();
      expect(told).to.deep.equal([]);
      expect(recorded.brief()).to.deep.equal([
        'started',
        'started a',
        'canceled a',
        'teardown-failed a',
        'teardown-failed a',
        'canceled',
      ]);
    });

    it('that cancels the run itself', () => {
      const controller = new AbortController();
      const told: unknown[] = [];
      const { next, brief } = recordEvents();
      aggregate(
        {
          a: () =>
            new Observable<number>((subscriber) => {
              subscriber.add(() => {
                controller.abort('in a teardown');
              });
              subscriber.next(1);
              subscriber.complete();
            }),
          b: () => NEVER,
        },
        quiet,
        withEvents({ next }),
      )({ signal: controller.signal }).subscribe({ error: (error: unknown) => told.push(error) });
      expect(told).to.have.length(1);
      expect(told[0]).to.be.instanceOf(CanceledError).and.have.property('cause', 'in a teardown');
      expect(brief().at(-1)).to.equal('canceled');
    });
  });
});
