import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { NEVER, of } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  DeadlineExceededError,
  type Service,
  ServiceError,
  silent,
  withConcurrency,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const quiet = withLogger(silent);
const boom = new Error('boom');

describe('aggregateEach', () => {
  it('answers in the order of the inputs; nothing for nothing', () => {
    marbles(({ cold, expectObservable }) => {
      const ask = aggregateEach((_ctx, frames: number) => cold(`${'-'.repeat(frames)}a|`, { a: frames }), quiet);
      expectObservable(ask(background, [3, 1, 2])).toBe('----(r|)', { r: [3, 1, 2] });
      expectObservable(ask(background, [])).toBe('(r|)', { r: [] });
    });
  });

  it('takes a hole for an input that is undefined, and moves no other', () => {
    // eslint-disable-next-line no-sparse-arrays -- as it comes
    const inputs = [1, , 3] as readonly (number | undefined)[];
    const told: unknown[] = [];
    aggregateEach((_ctx, n: number | undefined) => of(n), quiet)(background, inputs).subscribe((all) => told.push(all));
    expect(told).to.deep.equal([[1, undefined, 3]]);
  });

  it('fails fast, naming the input; the queued never start', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const slow = cold('----a|');
      const fails = cold('--#', undefined, boom);
      const queued = cold('a|');
      const sources = [slow, fails, queued];
      const each = aggregateEach((_ctx, index: number) => sources[index] ?? NEVER, quiet, withConcurrency(2));
      const ask = aggregate({ orders: (ctx) => each(ctx, [0, 1, 2]) }, quiet);
      expectObservable(ask(background)).toBe(
        '--#',
        undefined,
        new ServiceError({ service: 'orders[1]', elapsed: 2, cause: boom }),
      );
      expectSubscriptions(slow.subscriptions).toBe('^-!');
      expectSubscriptions(queued.subscriptions).toBe([]);
      expectObservable(each(background, [1])).toBe(
        '--#',
        undefined,
        new ServiceError({ service: '[0]', elapsed: 2, cause: boom }),
      );
    });
  });

  it('names what is pending at the deadline', () => {
    marbles(({ expectObservable }) => {
      const ask = aggregateEach((_ctx, n: number) => (n === 0 ? of(0) : NEVER), quiet, withTimeout(5));
      const late = new DeadlineExceededError({ pending: ['[1]', '[2]'], elapsed: 5 });
      expectObservable(ask(background, [0, 1, 2])).toBe('5ms #', undefined, late);
    });
  });

  it('refuses what is no service, no option and no array', () => {
    expect(() => aggregateEach(1 as never)).to.throw(TypeError, 'aggregateEach: a service');
    expect(() => aggregateEach(() => of(1), {} as never)).to.throw(TypeError, 'withTimeout');
    let told: unknown;
    aggregateEach(() => of(1))(background, 'abc' as never).subscribe({ error: (error: unknown) => (told = error) });
    expect(told).to.be.instanceOf(TypeError).and.have.property('message').that.includes('an array of inputs');
  });

  it('infers its types', () => {
    expectTypeOf(aggregateEach((_ctx, n: number) => of(String(n)))).toEqualTypeOf<
      Service<readonly number[], string[]>
    >();
  });
});
