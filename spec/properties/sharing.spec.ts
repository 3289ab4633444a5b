import { expect } from 'chai';
import fc from 'fast-check';
import { asyncScheduler, Observable, retry, type Subscription, throwError } from 'rxjs';
import { background, backoff, bulkhead, singleFlight } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

/** Who comes when, stays for how long, and how its source ends by itself. */
const visits = fc.array(
  fc.record({
    comes: fc.integer({ min: 0, max: 12 }),
    leaves: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
    takes: fc.integer({ min: 0, max: 6 }),
    fails: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

describe('of all random stories', () => {
  it('a bulkhead never has more than n in, starves nobody, and gets all places back', () => {
    fc.assert(
      fc.property(visits, fc.integer({ min: 1, max: 3 }), (stories, n) => {
        marbles(({ flush }) => {
          const place = bulkhead(n);
          let inside = 0;
          let most = 0;
          let ended = 0;
          for (const { comes, leaves, takes, fails } of stories) {
            const source = new Observable<never>((subscriber) => {
              most = Math.max(most, ++inside);
              subscriber.add(() => inside--);
              subscriber.add(
                asyncScheduler.schedule(() => {
                  if (fails) subscriber.error('failed');
                  else subscriber.complete();
                }, takes),
              );
            });
            asyncScheduler.schedule(() => {
              const visit = source.pipe(place).subscribe({ error: () => undefined });
              visit.add(() => ended++);
              if (leaves !== undefined)
                asyncScheduler.schedule(() => {
                  visit.unsubscribe();
                }, leaves);
            }, comes);
          }
          flush();
          expect(most).to.be.at.most(n);
          expect(inside).to.equal(0);
          expect(ended).to.equal(stories.length);
          let free = 0;
          for (let index = 0; index < n; index++)
            new Observable(() => {
              free++;
            })
              .pipe(place)
              .subscribe();
          expect(free).to.equal(n);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('a single flight is asked when somebody comes to an empty one, and ends when the last has gone', () => {
    fc.assert(
      fc.property(visits, (stories) => {
        marbles(({ flush }) => {
          let inFlight = 0;
          const ask = singleFlight(
            () =>
              new Observable<never>(() => {
                inFlight++;
                return () => inFlight--;
              }),
          );
          let waiting = 0;
          for (const { comes, leaves = 3 } of stories) {
            asyncScheduler.schedule(() => {
              waiting++;
              const visit: Subscription = ask(background).subscribe();
              expect(inFlight).to.equal(1);
              asyncScheduler.schedule(() => {
                visit.unsubscribe();
                waiting--;
                expect(inFlight).to.equal(waiting > 0 ? 1 : 0);
              }, leaves);
            }, comes);
          }
          flush();
          expect(inFlight).to.equal(0);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('a backoff keeps its bounds, and never reaches the deadline', () => {
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
        (given, deadline, luck) => {
          marbles(({ flush }) => {
            const at: number[] = [];
            const delay = backoff({ deadline }, { ...given, random: () => luck, retryable: () => true });
            const failing = new Observable((subscriber) => {
              at.push(asyncScheduler.now());
              subscriber.add(throwError(() => 'failed').subscribe(subscriber));
            });
            failing.pipe(retry({ count: 8, delay })).subscribe({ error: () => undefined });
            flush();
            for (const [index, moment] of at.entries()) {
              expect(moment).to.be.below(deadline);
              const before = at[index - 1];
              if (before === undefined) continue;
              const most = Math.min(given.maxDelay, given.initialDelay * given.factor ** (index - 1));
              expect(moment - before).to.be.within(0, Math.ceil(most) + 1);
            }
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});
