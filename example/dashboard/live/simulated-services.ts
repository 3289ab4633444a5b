import { fakeFetch } from 'forkfast/testing';
import { merge, of, scan, startWith } from 'rxjs';
import { type Requests, withActivity } from '../page/requests.ts';
import { presets } from '../page/settings.ts';
import type { Services } from '../page/services.ts';
import { SimulatedService } from './simulated-service.ts';

const noRequests: Requests = new Map();

/** Returns two services that run in the page, for a page without servers. Only the network is simulated. */
export function simulatedServices(): Services {
  const profile = new SimulatedService('Profile service', { name: 'Alice' });
  const orders = new SimulatedService('Order service', { orders: 5 });
  return {
    profile: 'https://profile.test',
    orders: 'https://orders.test',
    fetch: fakeFetch({
      'https://profile.test/profiles/:id': (call) => profile.respond(call),
      'https://orders.test/orders/:id': (call) => orders.respond(call),
    }),
    requests: merge(profile.activity, orders.activity).pipe(scan(withActivity, noRequests), startWith(noRequests)),
    setBehaviors: (_ctx, behaviors) => {
      profile.behavior = behaviors.profile;
      orders.behavior = behaviors.orders;
      return of(undefined);
    },
    // Nothing travels here, so the Profile service can fail at once.
    presets: { ...presets, domino: { ...presets['domino'], 'profile-delay': '0' } },
  };
}
