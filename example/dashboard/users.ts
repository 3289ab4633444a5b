import { aggregate, type AggregateOption, backoff, type Context, hedge, type Service, withName } from 'forkfast';
import { type Orders, orderService, type Profile, profileService } from 'forkfast/user-aggregator';
import { identity, retry } from 'rxjs';

/** The base URLs of the two services. */
export interface Upstreams {
  readonly profile: string;
  readonly orders: string;
}

/** The context carries the retries and the hedging of each run. */
export interface UserContext extends Context {
  /** How often a failed request is repeated. The default is 0. */
  readonly retries?: number | undefined;
  /** Milliseconds after which a second request is sent if there is no response. By default, there is no second request. */
  readonly hedgeAfter?: number | undefined;
}

export interface User {
  readonly profile: Profile;
  readonly orders: Orders;
}

/** Returns a service that calls both services at once. The page runs it in the browser, and the backend on Node. */
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

/** Parses a positive safe integer in digits. Returns `undefined` for any other text. */
export function idOf(text: string): number | undefined {
  const id = Number(text);
  return /^\d+$/.test(text) && id > 0 && Number.isSafeInteger(id) ? id : undefined;
}
