import { expect } from 'chai';
import { NEVER, of, Subject } from 'rxjs';
import { aggregate, background, type Context, withConcurrency } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { notificationsOf } from '../support/failure.ts';
import { boom, failed } from '../support/services.ts';

describe('concurrent services', () => {
  it('start in one synchronous pass, with the context and the input', () => {
    const calls: unknown[] = [];
    const service = (name: string) => (ctx: Context, id: number) => {
      calls.push([name, id, ctx.propagate]);
      return NEVER;
    };
    const propagate = { 'x-id': '1' };
    aggregate({ profile: service('profile'), orders: service('orders') })({ propagate }, 42)
      .subscribe()
      .unsubscribe();
    expect(calls).to.deep.equal([
      ['profile', 42, propagate],
      ['orders', 42, propagate],
    ]);
  });

  it('emit one record when the last of them completes', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold('--p|      ');
      const orders = cold(' ----o-|   ');
      const expected = '    ------(r|)';
      const dashboard = aggregate({ profile: () => profile, orders: () => orders });
      expectObservable(dashboard(background)).toBe(expected, { r: { profile: 'p', orders: 'o' } });
      expectSubscriptions(profile.subscriptions).toBe('^--!');
      expectSubscriptions(orders.subscriptions).toBe(' ^-----!');
    });
  });

  it('emit a tuple for a tuple of services', () => {
    expect(notificationsOf(aggregate([() => of('a'), () => of(2)])(background))).to.deep.equal([['a', 2], 'complete']);
  });

  it('pass context and input to a nested aggregate, as to any service', () => {
    const dashboard = aggregate({ profile: (_ctx, id: number) => of(`user ${String(id)}`) });
    const page = aggregate({ dashboard, orders: () => of(5) });
    expect(notificationsOf(page(background, 42))).to.deep.equal([
      { dashboard: { profile: 'user 42' }, orders: 5 },
      'complete',
    ]);
  });
});

describe('withConcurrency', () => {
  it('starts queued services in order, as running ones complete', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('  ---a|');
      const b = cold('  -b|');
      const c = cold('    --c|');
      const d = cold('      d|');
      const expected = '-----(r|)';
      const all = aggregate([() => a, () => b, () => c, () => d], withConcurrency(2));
      expectObservable(all(background)).toBe(expected, { r: ['a', 'b', 'c', 'd'] });
      expectSubscriptions(a.subscriptions).toBe('^---!');
      expectSubscriptions(b.subscriptions).toBe('^-!');
      expectSubscriptions(c.subscriptions).toBe('--^--!');
      expectSubscriptions(d.subscriptions).toBe('----^!');
    });
  });

  it('starts no queued service after a failure', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('--#', undefined, boom);
      const b = cold('b|');
      const both = aggregate({ a: () => a, b: () => b }, withConcurrency(1));
      expectObservable(both(background)).toBe('--#', undefined, failed('a', 2));
      expectSubscriptions(b.subscriptions).toBe([]);
    });
  });

  it('starts 20,000 synchronous services behind an asynchronous one without a deep stack', () => {
    const gate = new Subject<number>();
    const services = [() => gate, ...Array.from({ length: 20_000 }, (_, index) => () => of(index))];
    let values: readonly number[] = [];
    aggregate(services, withConcurrency(1))(background).subscribe((all) => (values = all));
    expect(values).to.have.length(0);
    gate.next(-1);
    gate.complete();
    expect(values).to.have.length(20_001);
    expect(values.at(-1)).to.equal(19_999);
  }).timeout(60_000);
});
