import { expect } from 'chai';
import { asyncScheduler } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { retryBudget, type RetryBudget } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

function record(budget: RetryBudget, times: number, by: 'backoff' | 'hedge' = 'backoff'): void {
  for (let index = 0; index < times; index++) budget.recordFirstAttempt(by);
}

/** How many of `tries` extra attempts the budget allows. */
function acquire(budget: RetryBudget, tries: number): number {
  return Array.from({ length: tries }, () => budget.tryAcquire()).filter(Boolean).length;
}

/** Runs `action` at each of the times, in virtual milliseconds, and returns the results. */
function at(times: readonly number[], action: (time: number) => number): number[] {
  const results: number[] = [];
  marbles(({ flush }) => {
    for (const time of times) asyncScheduler.schedule(() => results.push(action(time)), time);
    flush();
  });
  return results;
}

describe('retryBudget', () => {
  for (const [ratio, calls, expected] of [
    [0.1, 100, 10],
    [0.29, 100, 29],
    [0.1, 9, 0],
    [0, 100, 0],
  ] as const) {
    it(`allows ${String(expected)} extra attempts for ${String(calls)} calls and a ratio of ${String(ratio)}`, () => {
      marbles(() => {
        const budget = retryBudget({ ratio, min: 0 });
        expect(acquire(budget, 5)).to.equal(0);
        record(budget, calls);
        expect(acquire(budget, 50)).to.equal(expected);
      });
    });
  }

  it('counts a call that is both retried and hedged once', () => {
    marbles(() => {
      const budget = retryBudget({ ratio: 0.5, min: 0 });
      record(budget, 10, 'backoff');
      record(budget, 10, 'hedge');
      expect(acquire(budget, 50)).to.equal(5);
    });
  });

  it('allows `min` extra attempts in any second', () => {
    const budget = retryBudget({ ratio: 0, min: 2 });
    const allowed = at([0, 500, 999, 1_000, 1_400, 1_600, 9_000], () => acquire(budget, 5));
    expect(allowed).to.deep.equal([2, 0, 0, 2, 0, 0, 2]);
  });

  it('ignores first attempts that are ten seconds old', () => {
    const budget = retryBudget({ ratio: 1, min: 0 });
    const allowed = at([0, 9_999, 10_000], (time) => {
      if (time === 0) record(budget, 10, 'hedge');
      return acquire(budget, time && 3);
    });
    expect(allowed).to.deep.equal([0, 3, 0]);
  });

  it('counts the first attempts of each second for ten seconds', () => {
    const budget = retryBudget({ ratio: 1, min: 0 });
    const allowed = at([3_000, 3_999, 5_000, 12_999, 13_000, 25_000], (time) => {
      if (time <= 5_000) record(budget, 10);
      return acquire(budget, time > 5_000 ? 100 : 0);
    });
    // At 13 s ten first attempts count, and the thirty extra attempts of the last ten seconds.
    expect(allowed).to.deep.equal([0, 0, 0, 30, 0, 0]);
  });

  it('ignores extra attempts that are ten seconds old', () => {
    const budget = retryBudget({ ratio: 0.5, min: 0 });
    const allowed = at([0, 4_000, 9_000, 10_000, 40_000], () => {
      record(budget, 10, 'hedge');
      return acquire(budget, 50);
    });
    expect(allowed).to.deep.equal([5, 5, 5, 5, 5]);
  });

  it('starts again when the clock is set back', () => {
    const clock = new TestScheduler(() => undefined);
    clock.run(() => {
      clock.frame = 20_000;
      const budget = retryBudget({ ratio: 1, min: 2 });
      record(budget, 10);
      expect(acquire(budget, 50)).to.equal(12);
      clock.frame = 12_000;
      expect(acquire(budget, 50)).to.equal(2);
      record(budget, 1);
      expect(acquire(budget, 50)).to.equal(1);
    });
  });

  it('allows a fifth and ten per second by default', () => {
    marbles(() => {
      const budget = retryBudget();
      record(budget, 10, 'hedge');
      expect(acquire(budget, 50)).to.equal(12);
    });
  });

  it('throws for an invalid config', () => {
    expect(() => retryBudget({ ratio: -1 })).to.throw(
      RangeError,
      'retryBudget: ratio: expected at least 0 and below 2^31, got -1',
    );
    expect(() => retryBudget({ min: 1.5 })).to.throw(
      RangeError,
      'retryBudget: min: expected an integer of at least 0, got 1.5',
    );
  });
});
