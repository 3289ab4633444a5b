import { aggregateLatest, type Context, fetchJson, optional, url } from 'forkfast';

const profile = (ctx: Context, id: string) => fetchJson<{ name: string }>(ctx, url`/profiles/${id}`);
const orders = (ctx: Context, id: string) => fetchJson<{ orders: number }>(ctx, url`/orders/${id}`);

/** Emits each time when a part has come. The page does not fail without its orders. */
export const page = aggregateLatest({ profile, orders: optional(orders) });
