import { aggregate, background, type Context, type Fetch, fetchText, type Service, url, withTimeout } from 'forkfast';
import { map, type Observable } from 'rxjs';
import type { Behavior } from '../behavior.ts';
import type { Upstreams } from '../users.ts';
import { requestsAt } from './event-source.ts';
import type { Services } from './services.ts';
import { presets } from './settings.ts';

/** Returns the two mock services that run on this machine. */
export function httpServices(upstreams: Upstreams): Services {
  return {
    ...upstreams,
    fetch: uncached,
    requests: requestsAt(background, upstreams).pipe(
      map(({ profile = [], orders = [] }) => new Map([...profile, ...orders])),
    ),
    setBehaviors: setBehaviors(upstreams),
    presets,
  };
}

/** With its cache, the browser would delay the second request for a URL until the first one ends. A hedge sends two. */
const uncached: Fetch = (input, init) => fetch(input, { ...init, cache: 'no-store' });

function setBehaviors(upstreams: Upstreams): Services['setBehaviors'] {
  const put =
    (service: string): Service<Behavior, string> =>
    (ctx: Context, behavior: Behavior): Observable<string> =>
      fetchText(ctx, url`${service}/behavior`, { method: 'PUT', json: behavior });
  const [profileBehavior, ordersBehavior] = [put(upstreams.profile), put(upstreams.orders)];
  return aggregate(
    {
      profile: (ctx, { profile }: { readonly profile: Behavior }) => profileBehavior(ctx, profile),
      orders: (ctx, { orders }: { readonly orders: Behavior }) => ordersBehavior(ctx, orders),
    },
    withTimeout(5_000),
  );
}
