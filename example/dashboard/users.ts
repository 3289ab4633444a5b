import { aggregate, type AggregateOption, backoff, type Context, hedge, type Service, withName } from 'forkfast';
import { type Orders, orderService, type Profile, profileService } from 'forkfast/user-aggregator';
import { identity, retry } from 'rxjs';

/** Where the two services are. */
export interface Upstreams {
  readonly profile: string;
  readonly orders: string;
}

/** The context of a question: how hard each service is tried travels with it. */
export interface UserContext extends Context {
  /** How often a service is asked again after it failed; 0 where it is absent. */
  readonly retries?: number | undefined;
  /** Milliseconds after which a service that has not answered is asked a second time; never where it is absent. */
  readonly hedgeAfter?: number | undefined;
}

export interface User {
  readonly profile: Profile;
  readonly orders: Orders;
}

/** Asks both services at once. The page subscribes to this in the browser, and the backend to the same on Node. */
export function usersOf(upstreams: Upstreams, ...options: AggregateOption[]): Service<number, User, UserContext> {
  return aggregate(
    { profile: resilient(profileService(upstreams.profile)), orders: resilient(orderService(upstreams.orders)) },
    withName('dashboard'),
    ...options,
  );
}

function resilient<Out>(service: Service<number, Out>): Service<number, Out, UserContext> {
  return (ctx, id) =>
    service(ctx, id).pipe(
      ctx.hedgeAfter === undefined ? identity : hedge({ after: ctx.hedgeAfter }),
      retry({ count: ctx.retries ?? 0, delay: backoff(ctx) }),
    );
}

export function lineOf({ profile, orders }: User): string {
  return `User: ${profile.name} | Orders: ${String(orders.orders)}`;
}

/** A positive integer that a `number` holds exactly, in digits; otherwise `undefined`. */
export function idOf(text: string): number | undefined {
  const id = Number(text);
  return /^\d+$/.test(text) && id > 0 && Number.isSafeInteger(id) ? id : undefined;
}
