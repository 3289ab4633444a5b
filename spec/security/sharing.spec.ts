import { expect } from 'chai';
import fc from 'fast-check';
import { NEVER, of } from 'rxjs';
import { aggregate, type Context, type Fetch, perRun, silent, singleFlight, withLogger } from '../../lib/index.ts';

/** Few of each, so that two callers are often alike; and such as a careless key would take for each other. */
const values = ['', 'a', 'b', 'a b', '"a"', '["a","b"]', '\ud800', '\\ud800'];
const names = ['authorization', 'Authorization', 'cookie', 'authorization" "a', '__proto__'];
const fieldValues = [
  ...['1', 1, 1n, '1n', 'true', true, 'null', null, 'NaN', NaN, 'undefined', undefined],
  {},
  {},
  [],
  [],
];
const fieldNames = ['tenant', '__proto__', Symbol.for('user')];
const transports: readonly Fetch[] = [(): never => expect.fail('asked'), (): never => expect.fail('asked')];

/** What a caller carries. */
interface Carried {
  readonly headers: readonly (readonly [string, string])[];
  readonly fields: readonly (readonly [PropertyKey, unknown])[];
  readonly fetch: Fetch | undefined;
}
const some = <K extends PropertyKey, V>(keys: readonly K[], all: readonly V[]): fc.Arbitrary<[K, V][]> =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...keys), fc.constantFrom(...all)), {
    selector: ([key]) => key,
    maxLength: 2,
  });
const carried: fc.Arbitrary<Carried> = fc.record({
  headers: some(names, values),
  fields: some(fieldNames, fieldValues),
  fetch: fc.constantFrom(undefined, ...transports),
});

function contextOf({ headers, fields, fetch }: Carried): Context {
  const own = { ...(fetch && { fetch }), propagate: Object.fromEntries(headers) };
  return Object.defineProperties(own, Object.getOwnPropertyDescriptors(Object.fromEntries<unknown>(fields)));
}
const caller = carried.map(contextOf);

/** Two callers: strangers, or one who differs from the other in one thing, or in none that counts. */
const two: fc.Arbitrary<readonly [Context, Context]> = fc
  .record({ one: carried, other: carried, value: fc.constantFrom(...values), field: fc.constantFrom(...fieldValues) })
  .chain(({ one, other, value, field }) =>
    fc
      .constantFrom<Carried>(
        other,
        one,
        { ...one, headers: other.headers },
        { ...one, fields: other.fields },
        { ...one, fetch: other.fetch },
        { ...one, headers: one.headers.map(([name]) => [name, value]) },
        { ...one, fields: one.fields.map(([name]) => [name, field]) },
      )
      .map((second) => [
        { ...contextOf(one), deadline: 4e12 },
        { ...contextOf(second), signal: new AbortController().signal },
      ]),
  );

/** What two callers have in common is all that they carry: each by itself. */
function alike(one: Context, other: Context): boolean {
  const flat = ({ deadline, signal, propagate, ...rest }: Context): Map<unknown, unknown> => {
    const carried = new Map<unknown, unknown>();
    const more = rest as Record<PropertyKey, unknown>;
    for (const name of Reflect.ownKeys(more)) {
      if (more[name] !== undefined && String(name) !== 'Symbol(forkfast.run)') carried.set(name, more[name]);
    }
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
      fc.property(two, ([one, other]) => {
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
      { numRuns: 2_000 },
    );
    expect(together).to.be.greaterThan(200);
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
            changed: ({ signal }: Context, id: number) => account({ ...inside, signal }, id),
            plain: account,
          },
          withLogger(silent),
        );
        const answers: unknown[] = [];
        for (const ctx of [one, other]) ask(ctx, 42).subscribe((answer) => answers.push(answer));
        expect(answers).to.deep.equal([
          { changed: 1, plain: 1 },
          { changed: 2, plain: 2 },
        ]);
        expect(seen.map((ctx, index) => alike(ctx, [one, other][index]!))).to.deep.equal([true, true]);
      }),
      { numRuns: 300 },
    );
  });
});
