import { expect } from 'chai';
import fc from 'fast-check';
import { asyncScheduler, of, switchMap, throwError, timer } from 'rxjs';
import { aggregate, type Context, lastGood, type RunEvent, withEvents, withTimeout } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

/** All times of a call: no two things happen at the same time. */
const calls = fc
  .array(
    fc.record({
      start: fc.integer({ min: 0, max: 9 }),
      takes: fc.integer({ min: 0, max: 5 }),
      timeout: fc.integer({ min: 0, max: 5 }),
      fails: fc.boolean(),
      input: fc.integer({ min: 0, max: 2 }),
      tenant: fc.constantFrom('a', 'b'),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((all) =>
    all.map(({ start, takes, timeout, ...call }, index) => ({
      ...call,
      value: index,
      start: 100 * start + index,
      takes: 100 * takes + 50,
      timeout: 100 * timeout + 25,
    })),
  );
type Call = (typeof calls extends fc.Arbitrary<readonly (infer T)[]> ? T : never) & object;

interface Limits {
  readonly maxAge: number;
  readonly most: number;
}
const limits: fc.Arbitrary<Limits> = fc.record({
  maxAge: fc.integer({ min: 1, max: 800 }),
  most: fc.integer({ min: 1, max: 7 }),
});

/** The time and the outcome of each call: its own value, the value of another call with its age, or an error. */
function predicted(all: readonly Call[], { maxAge, most }: Limits): readonly string[] {
  const outcomes: string[] = [];
  let kept: (Call & { readonly at: number })[] = [];
  const endOf = ({ start, takes, timeout }: Call): number => start + Math.min(takes, timeout);
  for (const call of [...all].sort((one, other) => endOf(one) - endOf(other))) {
    const { start, takes, timeout, fails, value, input, tenant } = call;
    const at = endOf(call);
    const own = kept.find((each) => each.input === input && each.tenant === tenant);
    if (takes < timeout && !fails) {
      outcomes[value] = `${String(at)}: ${String(value)}`;
      if (own && own.start > start) continue;
      kept = [...kept.filter((each) => each !== own), { ...call, at }].slice(-most);
    } else if (own && at - own.at <= maxAge) {
      outcomes[value] = `${String(at)}: ${String(own.value)} of ${String(at - own.at)} ms ago`;
    } else {
      outcomes[value] = `${String(at)}: ${takes < timeout ? 'ERR_SERVICE_FAILED' : 'ERR_DEADLINE_EXCEEDED'}`;
    }
  }
  return outcomes;
}

function observed(all: readonly Call[], { maxAge, most }: Limits): readonly string[] {
  const outcomes: string[] = [];
  marbles(({ flush }) => {
    const service = lastGood(
      (_ctx: Context, { takes, fails, value }: Call) =>
        timer(takes).pipe(switchMap(() => (fails ? throwError(() => new Error('down')) : of(value)))),
      { maxAge, most, key: ({ input }) => input },
    );
    for (const call of all) {
      asyncScheduler.schedule(() => {
        let age = '';
        const note = (outcome: unknown): void => {
          outcomes[call.value] = `${String(asyncScheduler.now())}: ${String(outcome)}${age}`;
        };
        const next = (event: RunEvent): void => {
          if (event.type === 'stale') age += ` of ${String(event.age)} ms ago`;
        };
        aggregate(
          { service },
          withTimeout(call.timeout),
          withEvents({ next }),
        )({ propagate: { tenant: call.tenant } }, call).subscribe({
          next: (answer) => {
            note(answer.service);
          },
          error: ({ code }: { code: string }) => {
            note(code);
          },
        });
      }, call.start);
    }
    flush();
  });
  return outcomes;
}

describe('properties of lastGood', () => {
  it('each call answers as a list of kept answers says, whatever fails, is late, is too old or too much', () => {
    fc.assert(
      fc.property(calls, limits, (all, limit) => {
        expect(observed(all, limit)).to.deep.equal(predicted(all, limit));
      }),
      { numRuns: 500 },
    );
  });
});
