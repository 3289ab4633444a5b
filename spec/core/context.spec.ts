import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { checkContext } from '../../lib/core/context.ts';
import { background, type Context, type Fetch } from '../../lib/index.ts';

describe('background', () => {
  it('is frozen and empty', () => {
    expect(background).to.be.frozen;
    expect(Object.keys(background)).to.deep.equal([]);
  });
});

describe('Context', () => {
  it('takes the fetch of the platform as it is', () => {
    expectTypeOf(fetch).toExtend<Fetch>();
    const ctx: Context = { fetch, signal: new AbortController().signal, deadline: 1, propagate: { a: 'b' } };
    expect(ctx).to.have.property('fetch');
  });
});

describe('refusal', () => {
  it('is none of a context that is sound, whatever else it carries', () => {
    const fetch: Fetch = () => expect.fail('asked');
    for (const ctx of [
      background,
      { signal: undefined, deadline: undefined, fetch: undefined, propagate: undefined },
      { signal: AbortSignal.abort(), deadline: -Infinity, fetch, propagate: {}, tenant: 'acme' },
      { deadline: Infinity, propagate: Object.create(null) as object },
    ]) {
      expect(checkContext(ctx)).to.equal(undefined);
    }
  });

  it('says of what is no context what to pass', () => {
    const words = (what: string): string =>
      `the first argument is the context: pass background or { signal }, not ${what}`;
    for (const [ctx, what] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [42, '42'],
      ['id', 'a string'],
      [() => background, 'a function'],
    ] as const) {
      expect(checkContext(ctx)).to.be.instanceOf(TypeError).and.have.property('message', words(what));
    }
  });

  it('names the field that is unsound, and never says what it holds', () => {
    const signal = 'ctx.signal must be an AbortSignal, not an instance of AbortController: pass controller.signal';
    expect(checkContext({ signal: new AbortController() }))
      .to.be.instanceOf(TypeError)
      .and.have.property('message', signal);
    for (const [deadline, what] of [
      [NaN, 'NaN'],
      ['soon', 'a string'],
      [new Date(0), 'an instance of Date'],
      [null, 'null'],
    ] as const) {
      expect(checkContext({ deadline }))
        .to.be.instanceOf(RangeError)
        .and.have.property('message', `ctx.deadline must be a number of epoch milliseconds, not ${what}`);
    }
    for (const [fetch, what] of [
      ['http://upstream.test', 'a string'],
      [null, 'null'],
      [{}, 'an instance of Object'],
    ] as const) {
      expect(checkContext({ fetch }))
        .to.be.instanceOf(TypeError)
        .and.have.property('message', `ctx.fetch must be a function, not ${what}`);
    }
    for (const [propagate, what] of [
      [new Map([['authorization', 'a']]), 'an instance of Map'],
      ['authorization: a', 'a string'],
      [null, 'null'],
    ] as const) {
      expect(checkContext({ propagate }))
        .to.be.instanceOf(TypeError)
        .and.have.property('message', `ctx.propagate must be a record, not ${what}: pass Object.fromEntries(headers)`);
    }
  });
});
