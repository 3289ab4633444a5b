import { defer, map, type Observable } from 'rxjs';
import { aggregate } from './core/aggregate.ts';
import type { Context } from './core/context.ts';
import { ValidationError } from './errors/validation-error.ts';
import { fetchJson } from './http/fetch.ts';
import { type AggregateOption, withName } from './core/options.ts';
import type { Service } from './core/service.ts';
import { url } from './http/url.ts';

/** What the Profile service answers. */
export interface Profile {
  readonly name: string;
}

/** What the Order service answers: how many `orders` there are. */
export interface Orders {
  readonly orders: number;
}

/**
 * The reference scenario: asks the Profile and the Order service of a user at once, and says both in one line.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { background, withTimeout } from 'forkfast';
 * import { UserAggregator } from 'forkfast/user-aggregator';
 *
 * const users = new UserAggregator(
 *   { profile: () => of({ name: 'Alice' }), orders: () => of({ orders: 5 }) },
 *   withTimeout(1_000),
 * );
 *
 * users.aggregate(background, 42).subscribe(console.log); // => User: Alice | Orders: 5
 * ```
 */
export class UserAggregator<Ctx extends Context = Context> {
  readonly #ask: Service<number, string, Ctx>;

  /**
   * @param services - The two services, such as {@link profileService} and {@link orderService}.
   * @param options - As for `aggregate`; the name is `'dashboard'` unless `withName` says otherwise.
   */
  constructor(
    services: { readonly profile: Service<number, Profile, Ctx>; readonly orders: Service<number, Orders, Ctx> },
    ...options: readonly AggregateOption[]
  ) {
    const { profile, orders } = services;
    const both = aggregate({ profile, orders }, withName('dashboard'), ...options);
    this.#ask = (ctx, id) =>
      both(ctx, id).pipe(map((user) => `User: ${user.profile.name} | Orders: ${String(user.orders.orders)}`));
  }

  /**
   * Emits `User: Alice | Orders: 5` and completes; errors as `aggregate` does, and is canceled by unsubscribing.
   *
   * @param ctx - The context.
   * @param id - The user's.
   */
  aggregate(ctx: Ctx, id: number): Observable<string> {
    return this.#ask(ctx, id);
  }
}

/**
 * The Profile service over HTTP: `GET /profiles/:id`, answered by `{ "name": "Alice" }`.
 *
 * Errors as `fetchJson` does, and with `ValidationError` where the answer has another shape.
 *
 * @param baseUrl - Where the service is.
 *
 * @example
 * ```ts
 * import { profileService } from 'forkfast/user-aggregator';
 *
 * const fetch = async () => Response.json({ name: 'Alice' });
 *
 * profileService('http://profile.test')({ fetch }, 42).subscribe(console.log); // => { name: 'Alice' }
 * ```
 */
export function profileService(baseUrl: string | URL): Service<number, Profile> {
  return (ctx, id) =>
    defer(() => fetchJson(ctx, url`${baseUrl}/profiles/${id}`)).pipe(
      map((body) => ({ name: field(body, 'name', (name) => typeof name === 'string', 'a string') as string })),
    );
}

/**
 * The Order service over HTTP: `GET /orders/:id`, answered by `{ "orders": 5 }`.
 *
 * Errors as `fetchJson` does, and with `ValidationError` where the answer has another shape.
 *
 * @param baseUrl - Where the service is.
 *
 * @example
 * ```ts
 * import { orderService } from 'forkfast/user-aggregator';
 *
 * const fetch = async () => Response.json({ orders: 5 });
 *
 * orderService('http://orders.test')({ fetch }, 42).subscribe(console.log); // => { orders: 5 }
 * ```
 */
export function orderService(baseUrl: string | URL): Service<number, Orders> {
  return (ctx, id) =>
    defer(() => fetchJson(ctx, url`${baseUrl}/orders/${id}`)).pipe(
      map((body) => ({ orders: field(body, 'orders', Number.isInteger, 'an integer') as number })),
    );
}

function field(body: unknown, key: string, fits: (value: unknown) => boolean, expected: string): unknown {
  if (typeof body !== 'object' || body === null)
    throw new ValidationError({ issues: [{ message: 'expected an object' }] });
  const value: unknown = Object.hasOwn(body, key) ? (body as Record<string, unknown>)[key] : undefined;
  if (!fits(value)) throw new ValidationError({ issues: [{ message: `expected ${expected}`, path: [key] }] });
  return value;
}
