import { expect } from 'chai';
import type { Observable } from 'rxjs';
import { background, withTimeout } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { type Orders, type Profile, UserAggregator } from '../../lib/user-aggregator.ts';
import { exceeded, failed } from '../support/services.ts';

describe('the User Dashboard Backend', () => {
  const alice: Profile = { name: 'Alice' };
  const five: Orders = { orders: 5 };
  const dashboard = (profile: Observable<Profile>, orders: Observable<Orders>): Observable<string> =>
    new UserAggregator({ profile: () => profile, orders: () => orders }, withTimeout(1_000)).aggregate(background, 42);

  it('emits Alice and her five orders in one line when the slower service has completed', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold('--(p|)          ', { p: alice });
      const orders = cold(' -----(o|)       ', { o: five });
      const expected = '    -----(u|)       ';
      expectObservable(dashboard(profile, orders)).toBe(expected, { u: 'User: Alice | Orders: 5' });
      expectSubscriptions(profile.subscriptions).toBe('^-!');
      expectSubscriptions(orders.subscriptions).toBe(' ^----!');
    });
  });

  it('Slow Poke: errors with "context deadline exceeded" at exactly 1 s, and unsubscribes from the slow service', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold('10ms (p|)       ', { p: alice });
      const orders = cold(' 2s (o|)         ', { o: five });
      const expected = '    1s #            ';
      const late = exceeded(1_000, 'orders');
      expect(late.message).to.match(/^context deadline exceeded/);
      expectObservable(dashboard(profile, orders)).toBe(expected, undefined, late);
      expectSubscriptions(profile.subscriptions).toBe('^ 9ms !');
      expectSubscriptions(orders.subscriptions).toBe(' ^ 999ms !');
    });
  });

  it('Domino Effect: errors in the frame in which the profile fails, and unsubscribes from the orders', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const down = new Error('HTTP 500');
      const profile = cold<Profile>('#               ', undefined, down);
      const orders = cold(' 10s (o|)        ', { o: five });
      const expected = '    #               ';
      expectObservable(dashboard(profile, orders)).toBe(expected, undefined, failed('profile', 0, down));
      expectSubscriptions(profile.subscriptions).toBe('(^!)');
      expectSubscriptions(orders.subscriptions).toBe(' (^!)');
    });
  });

  it('unsubscribes from both services in the frame in which the caller unsubscribes', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold(' ----(p|)        ', { p: alice });
      const orders = cold('  -----(o|)       ', { o: five });
      const unsubscribe = '  ---!            ';
      const expected = '     ----            ';
      expectObservable(dashboard(profile, orders), unsubscribe).toBe(expected);
      expectSubscriptions(profile.subscriptions).toBe('^--!');
      expectSubscriptions(orders.subscriptions).toBe(' ^--!');
    });
  });
});
