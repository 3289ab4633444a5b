import { expect } from 'chai';
import type { Observable } from 'rxjs';
import { background, DeadlineExceededError, ServiceError, silent, withLogger, withTimeout } from '../../lib/index.ts';
import { type Orders, type Profile, UserAggregator } from '../../lib/user-aggregator.ts';
import { marbles } from '../../lib/testing/index.ts';

describe('the User Dashboard Backend', () => {
  const alice: Profile = { name: 'Alice' };
  const five: Orders = { orders: 5 };
  const down = new Error('HTTP 500');
  const dashboard = (profile: Observable<Profile>, orders: Observable<Orders>): Observable<string> =>
    new UserAggregator(
      { profile: () => profile, orders: () => orders },
      withTimeout(1_000),
      withLogger(silent),
    ).aggregate(background, 42);

  it('greets Alice with her five orders as soon as the slower service has answered', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold('--(p|)          ', { p: alice });
      const orders = cold(' -----(o|)       ', { o: five });
      const expected = '    -----(u|)       ';

      expectObservable(dashboard(profile, orders)).toBe(expected, { u: 'User: Alice | Orders: 5' });
      expectSubscriptions(profile.subscriptions).toBe('^-!');
      expectSubscriptions(orders.subscriptions).toBe(' ^----!');
    });
  });

  it('Slow Poke: says "context deadline exceeded" at exactly 1 s, and the slow service is let go in the same frame', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold('10ms (p|)       ', { p: alice });
      const orders = cold(' 2s (o|)         ', { o: five });
      const expected = '    1s #            ';
      const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 1_000 });

      expect(late.message).to.match(/^context deadline exceeded/);
      expectObservable(dashboard(profile, orders)).toBe(expected, undefined, late);
      expectSubscriptions(profile.subscriptions).toBe('^ 9ms !');
      expectSubscriptions(orders.subscriptions).toBe(' ^ 999ms !');
    });
  });

  it('Domino Effect: fails in the frame in which the profile fails, and the orders are gone', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold<Profile>('#               ', undefined, down);
      const orders = cold(' 10s (o|)        ', { o: five });
      const expected = '    #               ';

      expectObservable(dashboard(profile, orders)).toBe(
        expected,
        undefined,
        new ServiceError({ service: 'profile', elapsed: 0, cause: down }),
      );
      expectSubscriptions(profile.subscriptions).toBe('(^!)');
      expectSubscriptions(orders.subscriptions).toBe(' (^!)');
    });
  });

  it('lets both services go in the frame in which the caller leaves', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold('--(p|)          ', { p: alice });
      const orders = cold(' -----(o|)       ', { o: five });
      const leaves = '      ---!            ';
      const expected = '    ----            ';

      expectObservable(dashboard(profile, orders), leaves).toBe(expected);
      expectSubscriptions(orders.subscriptions).toBe(' ^--!');
    });
  });
});
