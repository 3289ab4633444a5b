import { aggregate, type AggregateOption, type Context, fetchJson, type Service, url } from 'forkfast';

export interface User {
  readonly profile: { readonly name: string };
  readonly orders: { readonly orders: number };
}

export type Dashboard = Service<string, User>;

/** The service of every recipe: requests the profile and the orders of a user from the API at `base`. */
export function createDashboard(base: string, ...options: AggregateOption[]): Dashboard {
  const profile = (ctx: Context, id: string) => fetchJson<User['profile']>(ctx, url`${base}/profiles/${id}`);
  const orders = (ctx: Context, id: string) => fetchJson<User['orders']>(ctx, url`${base}/orders/${id}`);
  return aggregate({ profile, orders }, ...options);
}
