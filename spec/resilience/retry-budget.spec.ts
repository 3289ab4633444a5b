import { expect } from 'chai';
import { asyncScheduler } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { retryBudget } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const allowed = (budget: { allows(): boolean }, times: number): number =>
  Array.from({ length: times }, () => budget.allows()).filter(Boolean).length;

describe('retryBudget', () => {
  it('allows its ratio of the first attempts', () => {
    marbles(() => {
      const budget = retryBudget({ ratio: 0.1, min: 0 });
      expect(allowed(budget, 5)).to.equal(0);
      for (let index = 0; index < 100; index++) budget.attempted('backoff');
      expect(allowed(budget, 50)).to.equal(10);
    });
  });

  it('counts a question that is both retried and hedged once', () => {
    marbles(() => {
      const budget = retryBudget({ ratio: 0.5, min: 0 });
      for (let index = 0; index < 10; index++) {
        budget.attempted('backoff');
        budget.attempted('hedge');
      }
      expect(allowed(budget, 50)).to.equal(5);
    });
  });

  it('allows so many in any second beside', () => {
    marbles(({ flush }) => {
      const budget = retryBudget({ ratio: 0, min: 2 });
      const seen: number[] = [];
      for (const at of [0, 500, 999, 1_000, 1_400, 1_600, 9_000]) {
        asyncScheduler.schedule(() => seen.push(allowed(budget, 5)), at);
      }
      flush();
      expect(seen).to.deep.equal([2, 0, 0, 2, 0, 0, 2]);
    });
  });

  it('forgets first attempts after ten seconds', () => {
    marbles(({ flush }) => {
      const budget = retryBudget({ ratio: 1, min: 0 });
      for (let index = 0; index < 10; index++) budget.attempted('hedge');
      const seen: number[] = [];
      asyncScheduler.schedule(() => seen.push(allowed(budget, 3)), 9_999);
      asyncScheduler.schedule(() => seen.push(allowed(budget, 3)), 10_000);
      flush();
      expect(seen).to.deep.equal([3, 0]);
    });
  });

  it('counts the first attempts of each second for as long', () => {
    marbles(({ flush }) => {
      const budget = retryBudget({ ratio: 1, min: 0 });
      for (const at of [3_000, 3_999, 5_000]) {
        asyncScheduler.schedule(() => {
          for (let index = 0; index < 10; index++) budget.attempted('backoff');
        }, at);
      }
      const seen: number[] = [];
      for (const at of [12_999, 13_000, 25_000]) asyncScheduler.schedule(() => seen.push(allowed(budget, 100)), at);
      flush();
      // At 13 s ten are left, which the thirty extras have used up.
      expect(seen).to.deep.equal([30, 0, 0]);
    });
  });

  it('forgets extras as it forgets first attempts', () => {
    marbles(({ flush }) => {
      const budget = retryBudget({ ratio: 0.5, min: 0 });
      const seen: number[] = [];
      for (const at of [0, 4_000, 9_000, 10_000, 40_000]) {
        asyncScheduler.schedule(() => {
          for (let index = 0; index < 10; index++) budget.attempted('hedge');
          seen.push(allowed(budget, 50));
        }, at);
      }
      flush();
      expect(seen).to.deep.equal([5, 5, 5, 5, 5]);
    });
  });

  it('starts anew where the clock is set back', () => {
    const clock = new TestScheduler(() => undefined);
    clock.run(() => {
      clock.frame = 20_000;
      const budget = retryBudget({ ratio: 1, min: 2 });
      for (let index = 0; index < 10; index++) budget.attempted('backoff');
      clock.frame = 12_000;
      expect(allowed(budget, 50)).to.equal(2);
      budget.attempted('backoff');
      expect(allowed(budget, 50)).to.equal(1);
    });
  });

  it('is a fifth, and ten a second, by default', () => {
    marbles(() => {
      const budget = retryBudget();
      for (let index = 0; index < 10; index++) budget.attempted('hedge');
      expect(allowed(budget, 50)).to.equal(12);
    });
  });

  it('refuses a config that makes no sense', () => {
    expect(() => retryBudget({ ratio: -1 })).to.throw(RangeError, 'ratio');
    expect(() => retryBudget({ min: 1.5 })).to.throw(RangeError, 'min');
  });
});
