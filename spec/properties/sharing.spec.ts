import { expect } from 'chai';
import fc from 'fast-check';
import { asyncScheduler, Observable, retry, throwError } from 'rxjs';
import { background, backoff, bulkhead, singleFlight } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

/** When a caller subscribes, when it unsubscribes, and when and how its source ends by itself. */
const callers = fc.array(
  fc.record({
    subscribesAt: fc.integer({ min: 0, max: 12 }),
    unsubscribesAfter: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
    endsAfter: fc.integer({ min: 0, max: 6 }),
    fails: fc.boolean(),
    /** The caller that subscribes when this one has ended. */
    teardown: fc.option(fc.integer({ min: 0, max: 11 }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 12 },
);

describe('properties of sharing', () => {
  it('a bulkhead starts in order, never more than n, loses no one, and frees all places', () => {
    fc.assert(
      fc.property(callers, fc.integer({ min: 1, max: 3 }), (all, n) => {
        marbles(({ flush }) => {
          const limit = bulkhead(n);
          /** The callers that wait or run, in the order in which they came. */
          const waiting: number[] = [];
          let running = 0;
          let ended = 0;
          const checkNoneIsLost = (): void => {
            expect(waiting.length > 0 && running < n).to.equal(false);
          };
          const subscribe = (caller: number): void => {
            const { unsubscribesAfter, endsAfter, fails, teardown } = all[caller]!;
            const source = new Observable<never>((subscriber) => {
              expect(waiting.shift()).to.equal(caller);
              expect(++running).to.be.at.most(n);
              subscriber.add(() => running--);
              const end = (): void => {
                if (fails) subscriber.error('failed');
                else subscriber.complete();
              };
              if (endsAfter === 0) end();
              else subscriber.add(asyncScheduler.schedule(end, endsAfter));
            });
            waiting.push(caller);
            const subscription = source.pipe(limit).subscribe({ error: () => undefined });
            subscription.add(() => {
              ended++;
              if (waiting.includes(caller)) waiting.splice(waiting.indexOf(caller), 1);
              if (teardown !== undefined && all[teardown]) subscribeOnce(teardown);
            });
            if (unsubscribesAfter === undefined) return;
            asyncScheduler.schedule(() => {
              subscription.unsubscribe();
            }, unsubscribesAfter);
          };
          const subscribed = new Set<number>();
          const subscribeOnce = (caller: number): void => {
            if (subscribed.has(caller)) return;
            subscribed.add(caller);
            subscribe(caller);
          };
          for (const [caller, { subscribesAt }] of all.entries()) {
            asyncScheduler.schedule(() => {
              subscribeOnce(caller);
            }, subscribesAt);
          }
          for (let time = 0; time < 120; time++)
            asyncScheduler.schedule(() => asyncScheduler.schedule(checkNoneIsLost), time + 0.5);
          flush();
          expect(running).to.equal(0);
          expect(ended).to.equal(all.length);
          let started = 0;
          const counting = new Observable(() => {
            started++;
          });
          for (let index = 0; index < n; index++) counting.pipe(limit).subscribe();
          expect(started).to.equal(n);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('a single flight is subscribed to exactly while it has a subscriber', () => {
    fc.assert(
      fc.property(callers, (all) => {
        marbles(({ flush }) => {
          let inFlight = 0;
          const shared = singleFlight(
            () =>
              new Observable<never>(() => {
                inFlight++;
                return () => inFlight--;
              }),
          );
          let waiting = 0;
          for (const { subscribesAt, unsubscribesAfter = 3 } of all) {
            asyncScheduler.schedule(() => {
              waiting++;
              const subscription = shared(background).subscribe();
              expect(inFlight).to.equal(1);
              asyncScheduler.schedule(() => {
                subscription.unsubscribe();
                waiting--;
                expect(inFlight).to.equal(waiting > 0 ? 1 : 0);
              }, unsubscribesAfter);
            }, subscribesAt);
          }
          flush();
          expect(inFlight).to.equal(0);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('a backoff waits no longer than its limits, and starts no attempt at or after the deadline', () => {
    const config = fc.record({
      initialDelay: fc.integer({ min: 0, max: 500 }),
      factor: fc.double({ min: 1, max: 4, noNaN: true }),
      maxDelay: fc.integer({ min: 0, max: 2_000 }),
    });
    fc.assert(
      fc.property(
        config,
        fc.integer({ min: 1, max: 5_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (given, deadline, random) => {
          marbles(({ flush }) => {
            const attempts: number[] = [];
            const delay = backoff({ deadline }, { ...given, random: () => random, retryable: () => true });
            const failing = new Observable((subscriber) => {
              attempts.push(asyncScheduler.now());
              subscriber.add(throwError(() => 'failed').subscribe(subscriber));
            });
            failing.pipe(retry({ count: 8, delay })).subscribe({ error: () => undefined });
            flush();
            for (const [index, time] of attempts.entries()) {
              expect(time).to.be.below(deadline);
              const before = attempts[index - 1];
              if (before === undefined) continue;
              const longest = Math.min(given.maxDelay, given.initialDelay * given.factor ** (index - 1));
              expect(time - before).to.be.within(0, Math.ceil(longest) + 1);
            }
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});
