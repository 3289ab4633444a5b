import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { of } from 'rxjs';
import { aggregate, background, type Context, type Fetch, fromAbortable } from '../../lib/index.ts';
import { errorOf, notificationsOf } from '../support/failure.ts';

describe('background', () => {
  it('is frozen and empty', () => {
    expect(background).to.be.frozen;
    expect(Object.keys(background)).to.deep.equal([]);
  });
});

describe('a context', () => {
  const fetching: Fetch = () => expect.fail('called');
  const valid: readonly Context[] = [
    background,
    { signal: undefined, deadline: undefined, fetch: undefined, propagate: undefined },
    { signal: new AbortController().signal, deadline: Infinity, fetch: fetching, propagate: {} },
    { propagate: Object.create(null) as Record<string, string> },
  ];
  for (const [index, ctx] of valid.entries()) {
    it(`is accepted with valid fields: ${String(index)}`, () => {
      expect(notificationsOf(aggregate({ a: () => of(1) })(ctx))).to.deep.equal([{ a: 1 }, 'complete']);
      expect(notificationsOf(fromAbortable(ctx, () => of(1)))).to.deep.equal([1, 'complete']);
    });
  }

  it('may have the fetch of the platform', () => {
    expectTypeOf(fetch).toExtend<Fetch>();
    const ctx: Context = { fetch, signal: new AbortController().signal, deadline: 1, propagate: { a: 'b' } };
    expect(ctx).to.have.property('fetch');
  });

  const argument = (kind: string): string => `ctx: expected a context, got ${kind}: pass background or { signal }`;
  const signal = (kind: string): string => `ctx.signal: expected an AbortSignal, got ${kind}: pass controller.signal`;
  const deadline = (kind: string): string =>
    `ctx.deadline: expected epoch milliseconds, got ${kind}: pass Date.now() + milliseconds`;
  const transport = (kind: string): string => `ctx.fetch: expected a function, got ${kind}: pass fetch`;
  const propagate = (kind: string): string =>
    `ctx.propagate: expected a record, got ${kind}: pass Object.fromEntries(headers)`;

  const invalid: readonly (readonly [unknown, typeof RangeError | typeof TypeError, string])[] = [
    [undefined, TypeError, argument('undefined')],
    [null, TypeError, argument('null')],
    [42, TypeError, argument('42')],
    ['secret', TypeError, argument('a string')],
    [() => background, TypeError, argument('a function')],
    [new AbortController().signal, TypeError, argument('an instance of AbortSignal')],
    [{ signal: new AbortController() }, TypeError, signal('an instance of AbortController')],
    [{ signal: null }, TypeError, signal('null')],
    [{ deadline: NaN }, RangeError, deadline('NaN')],
    [{ deadline: 'secret' }, RangeError, deadline('a string')],
    [{ deadline: new Date(0) }, RangeError, deadline('an instance of Date')],
    [{ deadline: null }, RangeError, deadline('null')],
    [{ fetch: 'http://secret.test' }, TypeError, transport('a string')],
    [{ fetch: null }, TypeError, transport('null')],
    [{ fetch: {} }, TypeError, transport('an instance of Object')],
    [{ propagate: new Map([['authorization', 'secret']]) }, TypeError, propagate('an instance of Map')],
    [{ propagate: 'authorization: secret' }, TypeError, propagate('a string')],
    [{ propagate: null }, TypeError, propagate('null')],
  ];
  for (const [ctx, type, message] of invalid) {
    it(`is rejected by a run and by fromAbortable before they call anything: ${message}`, () => {
      const never = (): never => expect.fail('called');
      for (const source of [aggregate({ never })(ctx as Context), fromAbortable(ctx as Context, never)]) {
        expect(errorOf(source)).to.be.instanceOf(type).and.have.property('message', message);
      }
    });
  }
});
