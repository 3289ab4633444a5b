import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { NEVER, of } from 'rxjs';
import { aggregate, aggregateEach, background, type Service, withConcurrency, withTimeout } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { errorOf, notificationsOf } from '../support/failure.ts';
import { boom, exceeded, failed } from '../support/services.ts';

describe('aggregateEach', () => {
  it('emits the values in the order of the inputs', () => {
    marbles(({ cold, expectObservable }) => {
      const each = aggregateEach((_ctx, frames: number) => cold(`${'-'.repeat(frames)}a|`, { a: frames }));
      expectObservable(each(background, [3, 1, 2])).toBe('----(r|)', { r: [3, 1, 2] });
      expectObservable(each(background, [])).toBe('(r|)', { r: [] });
    });
  });

  it('calls its service with undefined for a hole, and moves no other input', () => {
    // eslint-disable-next-line no-sparse-arrays -- callers may pass one
    const inputs = [1, , 3] as readonly (number | undefined)[];
    const each = aggregateEach((_ctx, n: number | undefined) => of(n));
    expect(notificationsOf(each(background, inputs))).to.deep.equal([[1, undefined, 3], 'complete']);
  });

  it('fails fast, names the input by its index, and starts no queued call', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const slow = cold('   ----a|');
      const failing = cold('--#', undefined, boom);
      const queued = cold(' a|');
      const sources = [slow, failing, queued];
      const each = aggregateEach((_ctx, index: number) => sources[index] ?? NEVER, withConcurrency(2));
      const page = aggregate({ orders: (ctx) => each(ctx, [0, 1, 2]) });
      expectObservable(page(background)).toBe('--#', undefined, failed('orders[1]', 2));
      expectSubscriptions(slow.subscriptions).toBe('^-!');
      expectSubscriptions(queued.subscriptions).toBe([]);
      expectObservable(each(background, [1])).toBe('--#', undefined, failed('[0]', 2));
    });
  });

  it('names the pending inputs at the deadline', () => {
    marbles(({ expectObservable }) => {
      const each = aggregateEach((_ctx, n: number) => (n === 0 ? of(0) : NEVER), withTimeout(5));
      expectObservable(each(background, [0, 1, 2])).toBe('5ms #', undefined, exceeded(5, '[1]', '[2]'));
    });
  });

  it('throws for what is not a service or an option, and fails for what is not an array', () => {
    expect(() => aggregateEach(1 as never)).to.throw(
      TypeError,
      'aggregateEach: service: expected a function, got 1: pass (ctx, input) =>',
    );
    expect(() => aggregateEach(() => of(1), {} as never)).to.throw(TypeError, 'withTimeout');
    expect(errorOf(aggregateEach(() => of(1))(background, 'abc' as never)))
      .to.be.instanceOf(TypeError)
      .and.have.property('message')
      .that.includes('an array of inputs');
  });

  it('infers its types', () => {
    const each = aggregateEach((_ctx, n: number) => of(String(n)));
    expectTypeOf(each).toEqualTypeOf<Service<readonly number[], string[]>>();
  });
});
