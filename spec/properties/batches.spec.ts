import { expect } from 'chai';
import fc from 'fast-check';
import { asyncScheduler, Observable, Subscription } from 'rxjs';
import { batched, type Context } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

/** When a caller subscribes, with which input and credentials, and when it leaves. */
const callers = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 12 }),
    input: fc.integer({ min: 0, max: 4 }),
    tenant: fc.constantFrom('a', 'b'),
    leavesAfter: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 14 },
);
type Caller = (typeof callers extends fc.Arbitrary<readonly (infer T)[]> ? T : never) & {
  got?: string | undefined;
  left?: number;
};

describe('properties of batched', () => {
  it('each caller that stays receives its own item in time, and each call has a caller for each input', () => {
    const config = fc.record({ window: fc.integer({ min: 0, max: 5 }), most: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(callers, config, fc.integer({ min: 0, max: 4 }), (all, { window, most }, delay) => {
        const state: Caller[] = all.map((caller) => ({ ...caller }));
        let inFlight = 0;
        marbles(({ flush }) => {
          const load = batched(
            ({ propagate }: Context, inputs: readonly number[]) =>
              new Observable<(string | Error)[]>((subscriber) => {
                const now = asyncScheduler.now();
                const tenant = propagate?.['tenant'] ?? '';
                expect(inputs.length).to.be.within(1, most);
                expect(new Set(inputs)).to.have.length(inputs.length);
                for (const input of inputs) {
                  const waits = state.some(
                    (each) =>
                      each.tenant === tenant &&
                      each.input === input &&
                      each.at <= now &&
                      each.got === undefined &&
                      each.left === undefined &&
                      now <= each.at + window,
                  );
                  expect(waits, 'an input without a caller').to.equal(true);
                }
                inFlight++;
                subscriber.add(() => inFlight--);
                const answer = (): void => {
                  subscriber.next(
                    inputs.map((input) => (input === 4 ? new Error(tenant) : `${tenant}${String(input)}`)),
                  );
                  subscriber.complete();
                };
                subscriber.add(asyncScheduler.schedule(answer, delay));
              }),
            { window, most },
          );
          for (const caller of state) {
            asyncScheduler.schedule(() => {
              const { input, tenant, leavesAfter } = caller;
              let subscription = Subscription.EMPTY;
              const done = (got: string): void => {
                expect(caller.left).to.equal(undefined);
                expect(asyncScheduler.now()).to.be.within(caller.at + delay, caller.at + window + delay);
                caller.got = got;
              };
              subscription = load({ propagate: { tenant } }, input).subscribe({
                next: done,
                error: ({ message }: Error) => {
                  done(`error ${message}`);
                },
              });
              if (leavesAfter === undefined) return;
              asyncScheduler.schedule(() => {
                if (caller.got === undefined) caller.left = asyncScheduler.now();
                subscription.unsubscribe();
              }, leavesAfter);
            }, caller.at);
          }
          flush();
        });
        expect(inFlight).to.equal(0);
        for (const { input, tenant, got, left } of state) {
          const item = input === 4 ? `error ${tenant}` : `${tenant}${String(input)}`;
          expect(got).to.equal(left === undefined ? item : undefined);
        }
      }),
      { numRuns: 500 },
    );
  });
});
