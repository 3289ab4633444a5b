import { expect } from 'chai';
import { background, type Context, type Fetch } from '../lib/index.ts';
import { expectTypeOf } from 'expect-type';

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
