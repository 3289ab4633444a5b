import {
  aggregate,
  type Context,
  lastGood,
  type RunEvent,
  type Service,
  withEvents,
  withName,
  withTimeout,
} from 'forkfast';
import { orderService, profileService } from 'forkfast/user-aggregator';
import type { Observer } from 'rxjs';
import type { Upstreams, User } from '../../dashboard/users.ts';
import { limited } from './limits.ts';
import type { Quota, SharedState } from './shared-state.ts';

/** How often each tenant may call the Order service, through all workers together. */
export const quota: Quota = { name: 'orders', points: 50, duration: 60 };

export interface DashboardOptions {
  /** Read at each call, because an upstream may move. */
  readonly upstreams: Upstreams;
  readonly state: SharedState;
  readonly events: Pick<Observer<RunEvent>, 'next'>;
  /** Called each time that this process counts a quota alone. */
  readonly onSpareLimiter: () => void;
}

/** The dashboard of a user, in a process that is one of many. */
export function dashboardOf({ upstreams, state, events, onSpareLimiter }: DashboardOptions): Service<number, User> {
  const profile: Service<number, User['profile']> = (ctx, id) => profileService(upstreams.profile)(ctx, id);
  const orders: Service<number, User['orders']> = (ctx, id) => orderService(upstreams.orders)(ctx, id);
  const kept = {
    maxAge: 600_000,
    // The answers depend on the tenant, and on no other field of the context. All workers must make the same key.
    vary: tenantOf,
    ...(state.answers && { store: state.answers }),
  };
  return aggregate(
    {
      profile: lastGood(profile, { ...kept, name: 'profile' }),
      // The limit is outside. Inside, a refused caller would receive the last good answer.
      orders: limited(lastGood(orders, { ...kept, name: 'orders' }), {
        limiters: state.limiters(quota),
        keyOf: tenantOf,
        status: 429,
        onSpare: onSpareLimiter,
      }),
    },
    withName('dashboard'),
    withTimeout(5_000),
    withEvents(events),
  );
}

/** The tenant of a request. In a real backend, authentication has checked it. */
function tenantOf({ propagate }: Context): string {
  return propagate?.['x-tenant'] ?? 'anonymous';
}
