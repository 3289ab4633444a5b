import { expect } from 'chai';
import fc from 'fast-check';
import { NEVER, of } from 'rxjs';
import { aggregate, type Context, type Fetch, perRun, singleFlight } from '../../lib/index.ts';

// Few values, so that two callers are often equal, and values that a careless key would confuse.
const headerNames = ['authorization', 'Authorization', 'cookie', 'authorization" "a', '__proto__'];
const headerValues = ['', 'a', 'b', 'a b', '"a"', '["a","b"]', '\ud800', '\\ud800'];
const fieldNames = ['tenant', '__proto__', Symbol.for('user')];
const fieldValues = [
  ...['1', 1, 1n, '1n', 'true', true, 'null', null, 'NaN', NaN, 'undefined', undefined],
  {},
  {},
  [],
  [],
];
const transports: readonly Fetch[] = [(): never => expect.fail('called'), (): never => expect.fail('called')];

/** The fields that a caller puts into its context. */
interface Caller {
  readonly headers: readonly (readonly [string, string])[];
  readonly fields: readonly (readonly [PropertyKey, unknown])[];
  readonly fetch: Fetch | undefined;
}

function entriesOf<K extends PropertyKey, V>(keys: readonly K[], values: readonly V[]): fc.Arbitrary<[K, V][]> {
  return fc.uniqueArray(fc.tuple(fc.constantFrom(...keys), fc.constantFrom(...values)), {
    selector: ([key]) => key,
    maxLength: 2,
  });
}

const callers: fc.Arbitrary<Caller> = fc.record({
  headers: entriesOf(headerNames, headerValues),
  fields: entriesOf(fieldNames, fieldValues),
  fetch: fc.constantFrom(undefined, ...transports),
});

function contextOf({ headers, fields, fetch }: Caller): Context {
  const context = { ...(fetch && { fetch }), propagate: Object.fromEntries(headers) };
  return Object.defineProperties(context, Object.getOwnPropertyDescriptors(Object.fromEntries<unknown>(fields)));
}

const contexts = callers.map(contextOf);

/** Two contexts that differ in everything, in one thing, or only in their deadline and signal. */
const twoContexts: fc.Arbitrary<readonly [Context, Context]> = fc
  .record({
    one: callers,
    other: callers,
    headerValue: fc.constantFrom(...headerValues),
    fieldValue: fc.constantFrom(...fieldValues),
  })
  .chain(({ one, other, headerValue, fieldValue }) =>
    fc
      .constantFrom<Caller>(
        other,
        one,
        { ...one, headers: other.headers },
        { ...one, fields: other.fields },
        { ...one, fetch: other.fetch },
        { ...one, headers: one.headers.map(([name]) => [name, headerValue]) },
        { ...one, fields: one.fields.map(([name]) => [name, fieldValue]) },
      )
      .map((second) => [
        { ...contextOf(one), deadline: 4e12 },
        { ...contextOf(second), signal: new AbortController().signal },
      ]),
  );

/** The fields of a context that decide whether two callers may share a call, apart from `propagate`. */
function sharedFields({ signal, deadline, propagate, ...rest }: Context): Record<PropertyKey, unknown> {
  for (const name of Reflect.ownKeys(rest)) {
    if (String(name).startsWith('Symbol(forkfast.')) Reflect.deleteProperty(rest, name);
  }
  return rest;
}

/** Compares two contexts without a key: each field and each header by itself. */
function areEqual(one: Context, other: Context): boolean {
  const flatten = (ctx: Context): Map<unknown, unknown> => {
    const flat = new Map<unknown, unknown>();
    const fields = sharedFields(ctx);
    for (const name of Reflect.ownKeys(fields)) {
      if (fields[name] !== undefined) flat.set(name, fields[name]);
    }
    for (const [name, value] of Object.entries(ctx.propagate ?? {})) flat.set(`header ${name}`, value);
    return flat;
  };
  const [left, right] = [flatten(one), flatten(other)];
  return (
    left.size === right.size && [...left].every(([name, value]) => right.has(name) && Object.is(right.get(name), value))
  );
}

describe('security of sharing', function () {
  this.timeout(60_000);

  it('singleFlight sees the fields that a context inherits', () => {
    const received: unknown[] = [];
    const shared = singleFlight((ctx: Context & { readonly tenant?: string }) => {
      received.push([ctx.tenant, ctx.propagate]);
      return NEVER;
    });
    const contexts = ['a', 'b', 'b'].map((tenant) => ({ tenant, propagate: { authorization: tenant } }));
    for (const ctx of contexts) shared(Object.create(ctx) as Context).subscribe();
    expect(received).to.deep.equal(contexts.slice(0, 2).map(({ tenant, propagate }) => [tenant, propagate]));
  });

  it('singleFlight shares a call exactly if headers, transport and all fields of the two contexts are equal', () => {
    let shares = 0;
    fc.assert(
      fc.property(twoContexts, ([one, other]) => {
        const received: Context[] = [];
        const shared = singleFlight((ctx: Context, _id: number) => {
          received.push(ctx);
          return NEVER;
        });
        const subscriptions = [one, other].map((ctx) => shared(ctx, 42).subscribe());
        const expected = areEqual(one, other) ? [one] : [one, other];
        if (expected.length === 1) shares++;
        expect(received).to.have.length(expected.length);
        for (const [index, ctx] of expected.entries()) {
          expect(Reflect.ownKeys(sharedFields(received[index]!))).to.have.members(Reflect.ownKeys(sharedFields(ctx)));
          expect(areEqual(received[index]!, ctx)).to.equal(true);
        }
        shared(one, 43).subscribe().unsubscribe();
        expect(received).to.have.length(expected.length + 1);
        for (const subscription of subscriptions) subscription.unsubscribe();
      }),
      { numRuns: 2_000 },
    );
    expect(shares).to.be.greaterThan(200);
  });

  it('singleFlight does not keep an answer for later callers', () => {
    let calls = 0;
    const shared = singleFlight(() => of(++calls));
    const answers: number[] = [];
    for (let caller = 0; caller < 3; caller++) shared({}).subscribe((answer) => answers.push(answer));
    expect(answers).to.deep.equal([1, 2, 3]);
  });

  it('perRun calls with the credentials of its run, whatever context a caller passes and whoever runs before', () => {
    fc.assert(
      fc.property(contexts, contexts, contexts, (one, other, changed) => {
        const received: Context[] = [];
        const account = perRun((ctx: Context, _id: number) => {
          received.push(ctx);
          return of(received.length);
        });
        const page = aggregate({
          changed: ({ signal }: Context, id: number) => account({ ...changed, signal }, id),
          plain: account,
        });
        const answers: unknown[] = [];
        for (const ctx of [one, other]) page(ctx, 42).subscribe((answer) => answers.push(answer));
        expect(answers).to.deep.equal([
          { changed: 1, plain: 1 },
          { changed: 2, plain: 2 },
        ]);
        expect(areEqual(received[0]!, one)).to.equal(true);
        expect(areEqual(received[1]!, other)).to.equal(true);
      }),
      { numRuns: 300 },
    );
  });
});
