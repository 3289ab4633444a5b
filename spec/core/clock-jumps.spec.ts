import { expect } from 'chai';
import { asyncScheduler, defer, firstValueFrom, NEVER, type Observable, of, retry, switchMap, tap, timer } from 'rxjs';
import {
  aggregate,
  aggregateLatest,
  type AggregateOption,
  backoff,
  background,
  bulkhead,
  type Context,
  DeadlineExceededError,
  type Fetch,
  fetchText,
  hedge,
  perRun,
  singleFlight,
  withDeadlineHeader,
  withEvents,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, recordEvents } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { exceeded, failed } from '../support/services.ts';

const hour = 3_600_000;

describe('a wall clock that jumps', () => {
  const { now } = asyncScheduler;
  const platform = Date.now;
  afterEach(() => {
    asyncScheduler.now = now;
    Date.now = platform;
  });

  const jump = (ms: number): void => {
    asyncScheduler.now = () => now() + ms;
  };
  /** Calls `service` after 10 ms, when the clock has jumped. */
  const later =
    (ms: number, service: (ctx: Context) => Observable<unknown>) =>
    (ctx: Context): Observable<unknown> =>
      timer(10).pipe(
        tap(() => {
          jump(ms);
        }),
        switchMap(() => service(ctx)),
      );

  for (const [direction, ms] of [
    ['forward', hour],
    ['backward', -hour],
  ] as const) {
    describe(direction, () => {
      const never = (...options: AggregateOption[]) => aggregate({ a: () => NEVER }, ...options);

      it('lets a nested run call its services, two deep', () => {
        marbles(({ expectObservable }) => {
          const leaf = aggregate({ x: () => timer(5) });
          const nested = aggregate({ leaf: (ctx) => leaf({ ...ctx }) });
          const run = aggregate({ nested: later(ms, nested) }, withTimeout(1_000));
          expectObservable(run(background)).toBe('15ms (r|)', { r: { nested: { leaf: { x: 0 } } } });
        });
      });

      it('sends no header with the time that is left: nobody knows it', () => {
        marbles(({ expectObservable }) => {
          const namesSent = (ctx: Context): Observable<unknown> => {
            const names: string[] = [];
            const fetch: Fetch = (_url, { headers }) => {
              names.push(...new Headers(headers).keys());
              return new Promise(() => undefined);
            };
            fetchText({ ...ctx, fetch }, 'http://api.test/').subscribe();
            return of(names);
          };
          const options = [withTimeout(1_000), withDeadlineHeader()] as const;
          const run = aggregate({ before: namesSent, after: later(ms, namesSent) }, ...options);
          expectObservable(run(background)).toBe('10ms (r|)', { r: { before: ['grpc-timeout'], after: [] } });
        });
      });

      it('lets a service retry', () => {
        marbles(({ cold, expectObservable }) => {
          let calls = 0;
          const service = (ctx: Context): Observable<unknown> =>
            defer(() => cold(++calls === 1 ? '#' : '(a|)')).pipe(
              retry({ delay: backoff(ctx, { initialDelay: 5, jitter: 'none', retryable: () => true }) }),
            );
          const run = aggregate({ a: later(ms, service) }, withTimeout(1_000));
          expectObservable(run(background)).toBe('15ms (r|)', { r: { a: 'a' } });
        });
      });

      for (const [name, combinator] of Object.entries({ perRun, singleFlight })) {
        it(`lets ${name} share a call that started earlier`, () => {
          marbles(({ cold, expectObservable, expectSubscriptions }) => {
            const source = cold('20ms (a|)');
            const shared = combinator(() => source);
            const run = aggregate({ a: shared, b: later(ms, shared) }, withTimeout(1_000));
            expectObservable(run(background)).toBe('20ms (r|)', { r: { a: 'a', b: 'a' } });
            expectSubscriptions(source.subscriptions).toBe('^ 19ms !');
          });
        });
      }

      it('lets a bulkhead and a hedge start what waits', () => {
        marbles(({ expectObservable }) => {
          const limit = bulkhead(1);
          let attempts = 0;
          const hedged = defer(() => (++attempts === 1 ? NEVER : of('b'))).pipe(hedge({ after: 5 }));
          const run = aggregate({ a: () => limit(timer(12)), b: later(ms, () => limit(hedged)) }, withTimeout(1_000));
          expectObservable(run(background)).toBe('17ms (r|)', { r: { a: 0, b: 'b' } });
        });
      });

      it('lets a nested run of aggregateLatest call its services', () => {
        marbles(({ expectObservable }) => {
          const nested = aggregateLatest({ x: () => timer(5) });
          const run = aggregate({ nested: later(ms, nested) }, withTimeout(1_000));
          expectObservable(run(background)).toBe('15ms (r|)', { r: { nested: { x: 0 } } });
        });
      });

      /** The time on the wall clock after `elapsed` milliseconds, which differs from the time of the timers. */
      const shown = (elapsed: number): number => Math.max(0, elapsed + ms);

      for (const [timeout, ...options] of [['no timeout'], ['a longer timeout', withTimeout(5_000)]] as const) {
        it(`lets the outer run end a nested one with ${timeout} at its deadline`, () => {
          marbles(({ expectObservable }) => {
            const run = aggregate({ nested: later(ms, never(...options)) }, withTimeout(1_000))(background);
            expectObservable(run).toBe('1s #', undefined, exceeded(shown(1_000), 'nested'));
          });
        });
      }

      it('lets a nested run end at a sooner deadline of its own', () => {
        marbles(({ expectObservable }) => {
          const run = aggregate({ nested: later(ms, never(withTimeout(300))) }, withTimeout(1_000))(background);
          expectObservable(run).toBe('310ms #', undefined, failed('nested', shown(310), exceeded(300, 'a')));
        });
      });

      it('makes no elapsed time of an event negative', () => {
        marbles(({ flush }) => {
          const { events, next } = recordEvents();
          aggregate({ a: later(ms, () => of(1)) }, withEvents({ next }))(background).subscribe();
          flush();
          expect(events.map(({ elapsed }) => elapsed)).to.deep.equal([0, 0, shown(10), shown(10)]);
        });
      });
    });
  }

  it('lets a nested run call its services, in real time', async () => {
    const nested = aggregate({ x: () => of(1) });
    const all = aggregate({ nested: (ctx) => timer(1).pipe(switchMap(() => nested(ctx))) }, withTimeout(5_000));
    const answer = firstValueFrom(all(background));
    Date.now = () => platform() + hour;
    expect(await answer).to.deep.equal({ nested: { x: 1 } });
  });

  it('lets the outer run report at its own time the deadline that the clock has brought nearer', () => {
    marbles(({ expectObservable }) => {
      const run = aggregate({ nested: later(500, aggregate({ a: () => NEVER })) }, withTimeout(1_000));
      expectObservable(run(background)).toBe('1s #', undefined, exceeded(1_500, 'nested'));
    });
  });

  it('lets the outer run report the deadline of a nested one that the clock has brought nearer', async () => {
    const nested = aggregate({ a: () => NEVER });
    const all = aggregate({ nested: (ctx) => timer(1).pipe(switchMap(() => nested(ctx))) }, withTimeout(40));
    const failure = failureOf(all(background), DeadlineExceededError);
    Date.now = () => platform() + 30;
    expect(await failure).to.deep.include({ pending: ['nested'] });
  });

  it('counts from the new time for a run that starts after it', () => {
    marbles(({ expectObservable }) => {
      jump(hour);
      const run = defer(() => aggregate({ a: () => NEVER }, withTimeout(1_000))({ deadline: hour + 300 }));
      expectObservable(run).toBe('300ms #', undefined, exceeded(300, 'a'));
    });
  });
});
