import { expect } from 'chai';
import fc from 'fast-check';
import { asyncScheduler, concat, concatMap, defer, EMPTY, from, identity, NEVER, type Observable } from 'rxjs';
import { of, repeat, throwError, timeout, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { hedge, latency, type Latency, retryBudget } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { rarelySlow, seeded, stragglers } from '../support/latencies.ts';
import { quantileOf, simulate } from '../support/workload.ts';

/** The published workload as a service. */
function straggling(seed: number): () => Observable<unknown> {
  const latencyOf = stragglers(seeded(seed));
  return () => timer(latencyOf());
}

const ignored = { error: () => undefined };

/** Measures attempts one after another in virtual time, and returns the estimate after each. */
function estimatesAfter(learned: Latency, attempts: readonly Observable<unknown>[]): (number | undefined)[] {
  const estimates: (number | undefined)[] = [];
  marbles(({ flush }) => {
    const measured = attempts.map((attempt) =>
      concat(
        defer(() => learned.measure(attempt).pipe(timeout({ each: 10_000_000, with: () => EMPTY }))),
        defer(() => {
          estimates.push(learned.estimate());
          return EMPTY;
        }),
      ),
    );
    concat(...measured).subscribe(ignored);
    flush();
  });
  return estimates;
}

function timers(count: number, ms: number): Observable<unknown>[] {
  return Array.from({ length: count }, () => timer(ms));
}

function lastEstimate(learned: Latency, attempts: readonly Observable<unknown>[]): number | undefined {
  return estimatesAfter(learned, attempts).at(-1);
}

/** Records times all at once. */
function learnAll(
  learned: Latency,
  answered: readonly number[],
  unanswered: readonly number[] = [],
): number | undefined {
  let estimate: number | undefined;
  marbles(({ flush }) => {
    for (const ms of answered) learned.measure(timer(ms)).subscribe();
    for (const ms of unanswered) {
      const attempt = learned.measure(NEVER).subscribe();
      asyncScheduler.schedule(() => {
        attempt.unsubscribe();
      }, ms);
    }
    flush();
    estimate = learned.estimate();
  });
  return estimate;
}

describe('latency', () => {
  describe('in a hedge', () => {
    it('starts no second attempt before there are `least` answers, and then one after the quantile', () => {
      const started: number[] = [];
      marbles(({ flush }) => {
        let question = 0;
        const service = defer(() => {
          started.push(question);
          return timer(question < 4 ? 10 * question : 1_000);
        });
        const hedged = service.pipe(hedge({ after: latency(0.5, { least: 3 }) }));
        const durations: number[] = [];
        from([1, 2, 3, 4])
          .pipe(
            concatMap((index) => {
              question = index;
              const startedAt = asyncScheduler.now();
              return hedged.pipe(
                concatMap(() => {
                  durations.push(asyncScheduler.now() - startedAt);
                  return EMPTY;
                }),
              );
            }),
          )
          .subscribe();
        flush();
        expect(durations).to.deep.equal([10, 20, 30, 1_000]);
      });
      expect(started).to.deep.equal([1, 2, 3, 4, 4]);
    });

    it('starts the second attempt exactly after the estimate', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const learned = latency(0.95, { least: 1 });
        learned.measure(cold('---a|')).subscribe();
        const first = cold('----------');
        const second = cold('-b|');
        let attempts = 0;
        const service = defer(() => (attempts++ === 0 ? first : second));
        const later = timer(5).pipe(concatMap(() => service.pipe(hedge({ after: learned }))));
        expectObservable(later).toBe('---------b|');
        expectSubscriptions(first.subscriptions).toBe('-----^---!');
        expectSubscriptions(second.subscriptions).toBe('--------^-!');
      });
    });

    it('does not learn from second attempts', () => {
      const learned = latency(0.5, { least: 1 });
      marbles(({ flush }) => {
        learned.measure(timer(20)).subscribe();
        flush();
        let attempts = 0;
        const service = defer(() => timer(attempts++ % 2 === 0 ? 100 : 1));
        service.pipe(hedge({ after: learned }), repeat(20)).subscribe();
        flush();
        expect(learned.estimate()).to.equal(20);
        expect(attempts).to.equal(40);
      });
    });

    it('does not start a second attempt for a synchronous value', () => {
      const learned = latency(0.95, { least: 1 });
      marbles(({ expectObservable }) => {
        let attempts = 0;
        const service = defer(() => of(++attempts)).pipe(hedge({ after: learned }));
        expectObservable(service.pipe(repeat(3))).toBe('(123|)', { 1: 1, 2: 2, 3: 3 });
      });
      expect(learned.estimate()).to.equal(1);
    });

    it('keeps the extra requests at the share that the quantile leaves, although it cuts off slow attempts', () => {
      for (const [quantile, most] of [
        [0.9, 0.1],
        [0.95, 0.055],
        [0.99, 0.015],
      ] as const) {
        const { extra } = simulate(straggling(7), hedge({ after: latency(quantile) }), { questions: 6_000 });
        expect(extra).to.be.within((1 - quantile) * 0.7, most);
      }
    });

    it('stays within the budget when everything becomes slow', () => {
      const budget = retryBudget({ ratio: 0.1, min: 0 });
      let requests = 0;
      const service = () => timer(requests++ < 500 ? 5 : 500);
      const { extra } = simulate(service, hedge({ after: latency(0.95), budget }), { questions: 2_000 });
      expect(extra).to.be.at.most(0.1);
    });

    it('follows when everything becomes slow, so that it stops hedging', () => {
      const random = seeded(3);
      let requests = 0;
      const service = () => timer((requests++ < 500 ? 1 : 50) * (5 + random()));
      const { extra } = simulate(service, hedge({ after: latency(0.95) }), { questions: 4_000 });
      expect(extra).to.be.at.most(0.1);
    });

    it('still hedges when one request in ten hangs, so that the 95th percentile is endless', () => {
      const random = seeded(5);
      const hang = NEVER.pipe(timeout(1_000));
      const service = () => (random() < 0.1 ? hang : timer(8 + 4 * random()));
      const { durations, extra } = simulate(service, hedge({ after: latency(0.95) }));
      expect(quantileOf(durations, 0.95)).to.be.below(30);
      expect(extra).to.be.within(0.08, 0.13);
    });

    it('reproduces the published workload: p99 three times lower for at most 10 % more requests', () => {
      const p99 = (hedged: Parameters<typeof simulate>[1]) => {
        const { durations, extra } = simulate(straggling(1), hedged);
        return { ms: quantileOf(durations, 0.99), extra };
      };
      const plain = p99(identity);
      const learned = p99(hedge({ after: latency(0.9) }));
      expect(learned.ms).to.be.below(plain.ms / 3);
      expect(learned.extra).to.be.within(0, 0.1);
      expect(p99(hedge({ after: 50 })).ms).to.be.above(2 * learned.ms);
    });

    it('takes a fan-out of ten services with 1 % slow from 1 s to under 100 ms for at most 5 % more requests', () => {
      const run = (hedged: Parameters<typeof simulate>[1]) => {
        const latencyOf = rarelySlow(seeded(11));
        const shape = { questions: 1_000, fanOut: 10 };
        const { durations, extra } = simulate(() => timer(latencyOf()), hedged, shape);
        return { ms: quantileOf(durations, 0.99), extra };
      };
      expect(run(identity).ms).to.equal(1_000);
      const learned = run(hedge({ after: latency(0.95) }));
      expect(learned.ms).to.be.below(100);
      expect(learned.extra).to.be.at.most(0.05);
    });
  });

  describe('estimates', () => {
    it('nothing before there are `least` answers, 20 by default', () => {
      const estimates = estimatesAfter(latency(0.95), timers(20, 10));
      expect(estimates).to.deep.equal([...Array<undefined>(19).fill(undefined), 10]);
    });

    it('the quantile of the times to the first value', () => {
      for (const count of [20, 100]) {
        const times = Array.from({ length: count }, (_, index) => index + 1);
        for (const ms of times.slice(0, -1)) expect(learnAll(latency(ms / count), times)).to.equal(ms);
        expect(learnAll(latency(0.999), times)).to.equal(count);
      }
    });

    it('at least 1 ms, which is what a clock of milliseconds can tell', () => {
      expect(lastEstimate(latency(0.5, { least: 1 }), [of('at once')])).to.equal(1);
    });

    it('the first value, also where more values follow', () => {
      marbles(({ cold, flush }) => {
        const learned = latency(0.5, { least: 1 });
        learned.measure(cold('--a--b--c|')).subscribe();
        flush();
        expect(learned.estimate()).to.equal(2);
      });
    });

    it('more, where attempts that ended without a value took at least as long', () => {
      // Half of 20 attempts answered after 10 ms. The others answer later: the median is 10 ms, the 75th percentile is later.
      const tens = Array<number>(10).fill(10);
      const later = [...Array<number>(5).fill(30), ...Array<number>(5).fill(40)];
      expect(learnAll(latency(0.5), tens, Array<number>(10).fill(20))).to.equal(undefined);
      expect(learnAll(latency(0.5, { least: 5 }), tens, Array<number>(10).fill(20))).to.equal(10);
      expect(learnAll(latency(0.75, { least: 5 }), [...tens, ...later], Array<number>(10).fill(20))).to.equal(40);
    });

    it('the same, where attempts end early for another reason', () => {
      const hundred = Array.from({ length: 100 }, (_, index) => index + 101);
      expect(learnAll(latency(0.9), hundred, Array<number>(500).fill(5))).to.equal(190 + 1);
    });

    it('the longest latency of an answer, where too many attempts never answer', () => {
      expect(learnAll(latency(0.95), Array<number>(20).fill(10), Array<number>(20).fill(1_000))).to.equal(10);
    });

    it('without the attempts that failed or were empty', () => {
      const learned = latency(0.5, { least: 1 });
      expect(
        lastEstimate(learned, [
          timer(50),
          throwError(() => new Error('boom')).pipe(timeout(5)),
          EMPTY,
          timer(1).pipe(concatMap(() => EMPTY)),
        ]),
      ).to.equal(50);
      marbles(({ cold, flush }) => {
        const failing = latency(0.5, { least: 1 });
        failing.measure(cold('--#')).subscribe(ignored);
        flush();
        expect(failing.estimate()).to.equal(undefined);
      });
    });

    it('within 1/64 of any latency, and exactly below 128 ms', () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (ms) => {
          const estimate = learnAll(latency(0.5, { least: 1 }), [ms]) ?? NaN;
          expect(estimate).to.be.within(ms, ms < 128 ? ms : ms * (1 + 1 / 64));
          expect(estimate).to.be.below(2 ** 31);
        }),
        { numRuns: 200, examples: [[1], [127], [128], [129], [255], [256], [65_535], [65_536], [2 ** 31 - 1]] },
      );
    });

    it('as the estimator of Kaplan and Meier does for exact times', () => {
      const times = fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 60 });
      fc.assert(
        fc.property(
          times,
          times,
          fc.double({ min: 0.05, max: 0.99, noNaN: true }),
          (answered, unanswered, quantile) => {
            fc.pre(answered.length > 0);
            let expected = 0;
            let survival = 1;
            for (let ms = 1; ms <= 120 && survival > 1 - quantile + 1e-9; ms++) {
              const events = answered.filter((time) => time === ms).length;
              if (events === 0) continue;
              expected = ms;
              survival *= 1 - events / [...answered, ...unanswered].filter((time) => time >= ms).length;
            }
            expect(learnAll(latency(quantile, { least: 1 }), answered, unanswered)).to.equal(expected);
          },
        ),
        { numRuns: 200 },
      );
    });
  });

  describe('forgets', () => {
    it('what is older than a window, when the upstream has become faster or slower', () => {
      for (const [before, now] of [
        [100, 10],
        [10, 100],
      ] as const) {
        const learned = latency(0.95);
        const estimates = estimatesAfter(learned, [...timers(60_000 / before, before), ...timers(60_000 / now, now)]);
        expect(estimates.at(60_000 / before - 1)).to.equal(before);
        expect(estimates.at(-1)).to.equal(now);
      }
    });

    it('only after more answers, where requests are rare', () => {
      const learned = latency(0.95);
      const rare = Array.from({ length: 40 }, () => timer(60_000).pipe(concatMap(() => learned.measure(timer(100)))));
      marbles(({ flush }) => {
        concat(...rare).subscribe();
        flush();
        expect(learned.estimate()).to.be.within(100, 102);
      });
    });

    it('the time before a pause after `least` answers', () => {
      const learned = latency(0.95);
      const attempts = [...timers(400, 100), timer(3_600_000).pipe(concatMap(() => EMPTY)), ...timers(40, 10)];
      const estimates = estimatesAfter(learned, attempts);
      expect(estimates.at(400 + 5)).to.equal(100);
      expect(estimates.at(-1)).to.equal(10);
    });

    it('nothing when the clock is set back', () => {
      const clock = new TestScheduler(() => undefined);
      clock.run(() => {
        clock.frame = 50_000;
        const learned = latency(0.9, { least: 1 });
        learned.measure(of(1)).subscribe();
        clock.frame = 10_000;
        const attempt = defer(() => {
          clock.frame = 9_000;
          return EMPTY;
        });
        learned.measure(attempt).subscribe();
        expect(learned.estimate()).to.equal(1);
      });
    });
  });

  for (const [quantile, config, message] of [
    [0, {}, 'latency: quantile: expected above 0 and below 1, got 0'],
    [1, {}, 'latency: quantile: expected above 0 and below 1, got 1'],
    [95, {}, 'latency: quantile: expected above 0 and below 1, got 95'],
    [NaN, {}, 'latency: quantile: expected above 0 and below 1, got NaN'],
    ['0.95', {}, 'latency: quantile: expected above 0 and below 1, got a string'],
    [undefined, {}, 'latency: quantile: expected above 0 and below 1, got undefined'],
    [0.5, { least: 0 }, 'latency: least: expected a positive integer, got 0'],
    [0.5, { least: 1.5 }, 'latency: least: expected a positive integer, got 1.5'],
  ] as const) {
    it(`throws for ${String(quantile)} and ${JSON.stringify(config)}`, () => {
      expect(() => latency(quantile as never, config)).to.throw(RangeError, message);
    });
  }
});
