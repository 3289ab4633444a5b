import { expect } from 'chai';
import { of } from 'rxjs';
import {
  type AggregateConfig,
  background,
  backoff,
  bulkhead,
  hedge,
  retryBudget,
  withConcurrency,
  withTimeout,
} from '../../lib/index.ts';
import { waterfall } from '../../lib/observe/report/index.ts';
import { deadlineAfter, expectNoLeaks } from '../../lib/testing/index.ts';

/** Returns the error for a number that forkfast rejects. */
async function errorFor(use: () => unknown): Promise<unknown> {
  try {
    await use();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('numbers', () => {
  const timer = (least: number) => ({
    expected: `at least ${String(least)} and below 2^31`,
    accepted: [least, least + 0.5, 2 ** 31 - 1],
    rejected: [least - 0.001, 2 ** 31, Infinity],
  });
  const count = {
    expected: 'a positive integer',
    accepted: [1, Number.MAX_SAFE_INTEGER],
    rejected: [0, 0.5, Infinity],
  };
  const countOrZero = { expected: 'an integer of at least 0', accepted: [0, 1], rejected: [-1, 0.5] };

  const uses = {
    'withConcurrency: n': [count, (n: number) => withConcurrency(n)],
    'hedge: after': [timer(0), (after: number) => hedge({ after })],
    'hedge: attempts': [count, (attempts: number) => hedge({ after: 1, attempts })],
    'bulkhead: n': [count, (n: number) => bulkhead(n)],
    'bulkhead: queue': [countOrZero, (queue: number) => bulkhead(1, { queue })],
    'backoff: initialDelay': [timer(0), (initialDelay: number) => backoff(background, { initialDelay })],
    'backoff: factor': [timer(1), (factor: number) => backoff(background, { factor })],
    'backoff: maxDelay': [timer(0), (maxDelay: number) => backoff(background, { maxDelay })],
    'retryBudget: ratio': [timer(0), (ratio: number) => retryBudget({ ratio })],
    'retryBudget: min': [{ ...countOrZero, rejected: [-1, 0.5, Infinity] }, (min: number) => retryBudget({ min })],
    'waterfall: width': [count, (width: number) => waterfall([], { width })],
    'deadlineAfter: ms': [timer(0), deadlineAfter],
    'expectNoLeaks: timeout': [timer(1), (timeout: number) => expectNoLeaks(() => of(1), { fails: false, timeout })],
  } as const;
  for (const [name, [{ expected, accepted, rejected }, use]] of Object.entries(uses)) {
    it(`are rejected in one form by ${name}`, async () => {
      for (const value of [...rejected, NaN, '1', 1n, null]) {
        const kind = typeof value === 'string' ? 'a string' : typeof value === 'bigint' ? 'a bigint' : String(value);
        expect(await errorFor(() => use(value as number)), String(value))
          .to.be.instanceOf(RangeError)
          .and.have.property('message', `${name}: expected ${expected}, got ${kind}`);
      }
    });

    it(`are accepted up to the limit by ${name}`, async () => {
      for (const value of accepted) expect(await errorFor(() => use(value)), String(value)).to.equal(undefined);
    });
  }

  for (const ms of [0, -1, NaN, -Infinity, 2 ** 31, '1000', undefined, null]) {
    it(`are rejected by withTimeout where it is written: ${typeof ms} ${String(ms)}`, () => {
      expect(() => withTimeout(ms as number)).to.throw(RangeError, typeof ms === 'string' ? 'a string' : String(ms));
    });
  }

  it('are accepted by withTimeout if a timer can wait for them, or if they are Infinity', () => {
    for (const ms of [0.5, 1, 2 ** 31 - 1, Infinity]) {
      expect(withTimeout(ms)({} as AggregateConfig)).to.deep.equal({ timeout: ms });
    }
  });

  it('have no limit for the queue of a bulkhead', () => {
    expect(() => bulkhead(1, { queue: Infinity })).not.to.throw();
  });
});
