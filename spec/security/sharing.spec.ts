import { expect } from 'chai';
import fc from 'fast-check';
import { NEVER, of } from 'rxjs';
import { aggregate, type Context, type Fetch, perRun, silent, singleFlight, withLogger } from '../../lib/index.ts';

/** Few of each, so that two callers are often alike; and such as a careless key would take for each other. */
const values = ['', 'a', 'b', 'a b', '"a"', 'undefined', '1', '["a","b"]', '\ud800', '\\ud800'];
const names = ['authorization', 'Authorization', 'cookie', 'x', 'authorization" "a', '__proto__'];
const objects = [{ id: 1 }, { id: 1 }, [], (): void => undefined, Symbol('a'), Symbol('a')];
const transports: readonly Fetch[] = [(): never => expect.fail('asked'), (): never => expect.fail('asked')];

const own = <T>(entries: readonly (readonly [PropertyKey, T])[]): Record<string, T> => Object.fromEntries(entries);
const headers = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values)), {
    selector: ([name]) => name,
    maxLength: 2,
  })
  .map(own);
const field = fc.oneof(fc.constantFrom(...values), fc.constantFrom(...objects, 1, 1n, true, null, NaN, undefined));
const fields = fc
  .uniqueArray(fc.tuple(fc.constantFrom('tenant', 'user', '__proto__', Symbol.for('user')), field), {
    selector: ([name]) => name,
    maxLength: 2,
  })
  .map((entries) => own<unknown>(entries));
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

const caller = fc
  .record({
    propagate: optional(headers),
    fields,
    fetch: optional(fc.constantFrom(...transports)),
    deadline: fc.nat(9),
  })
  .map(({ propagate, fields: more, fetch, deadline }): Context => {
    const ctx = { deadline: 4e12 + deadline, ...(propagate && { propagate }), ...(fetch && { fetch }) };
    return Object.defineProperties(ctx, Object.getOwnPropertyDescriptors(more));
  });

/** What two callers have in common is all that they carry: each by itself. */
function alike(one: Context, other: Context): boolean {
  const flat = ({ deadline, signal, propagate, ...rest }: Context): Map<unknown, unknown> => {
    const carried = new Map<unknown, unknown>();
    const more = rest as Record<PropertyKey, unknown>;
    for (const name of Reflect.ownKeys(more)) if (more[name] !== undefined) carried.set(name, more[name]);
    for (const [name, value] of Object.entries(propagate ?? {})) carried.set(`header ${name}`, value);
    return carried;
  };
  const [left, right] = [flat(one), flat(other)];
  return (
    left.size === right.size && [...left].every(([name, value]) => right.has(name) && Object.is(right.get(name), value))
  );
}

/** What of a context says whose it is. */
const credentials = ({ signal, deadline, ...rest }: Context): object => rest;

describe('security: sharing', function () {
  this.timeout(60_000);

  it('never joins two callers who differ in a header, a transport or any field; and always two who do not', () => {
    let together = 0;
    fc.assert(
      fc.property(caller, fc.oneof({ weight: 2, arbitrary: caller }, fc.constant(undefined)), (one, given) => {
        const other = given ?? { ...one, signal: new AbortController().signal, deadline: 1e13 };
        const seen: Context[] = [];
        const ask = singleFlight((ctx: Context, _id: number) => {
          seen.push(ctx);
          return NEVER;
        });
        const visits = [one, other].map((ctx) => ask(ctx, 42).subscribe());
        const expected = alike(one, other) ? [one] : [one, other];
        if (expected.length === 1) together++;
        expect(seen).to.have.length(expected.length);
        for (const [index, ctx] of expected.entries()) {
          expect(Reflect.ownKeys(credentials(seen[index]!))).to.have.members(Reflect.ownKeys(credentials(ctx)));
          expect(alike(seen[index]!, ctx)).to.equal(true);
        }
        ask(one, 43).subscribe().unsubscribe();
        expect(seen).to.have.length(expected.length + 1);
        for (const visit of visits) visit.unsubscribe();
      }),
      { numRuns: 600 },
    );
    expect(together).to.be.greaterThan(50);
  });

  it('hands no answer on to who comes when it has been given: what is shared is not kept', () => {
    let asked = 0;
    const ask = singleFlight(() => of(++asked));
    const told: number[] = [];
    for (let count = 0; count < 3; count++) ask({}).subscribe((answer) => told.push(answer));
    expect(told).to.deep.equal([1, 2, 3]);
  });

  it('asks within a run with the credentials of that run, whoever asks; and never with those of another run', () => {
    fc.assert(
      fc.property(caller, caller, caller, (one, other, inside) => {
        const seen: Context[] = [];
        const account = perRun((ctx: Context, _id: number) => {
          seen.push(ctx);
          return of(seen.length);
        });
        const ask = aggregate(
          {
            plain: account,
            changed: ({ signal }: Context, id: number) => account({ ...inside, signal }, id),
          },
          withLogger(silent),
        );
        const answers: unknown[] = [];
        for (const ctx of [one, other]) ask(ctx, 42).subscribe((answer) => answers.push(answer));
        expect(answers).to.deep.equal([
          { plain: 1, changed: 1 },
          { plain: 2, changed: 2 },
        ]);
        expect(seen.map((ctx, index) => alike(ctx, [one, other][index]!))).to.deep.equal([true, true]);
      }),
      { numRuns: 300 },
    );
  });
});
