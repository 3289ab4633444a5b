import { defer, map, type Observable } from 'rxjs';
import {
  aggregate,
  type AggregateOption,
  type Context,
  fetchJson,
  type Service,
  type ServiceLike,
  url,
  ValidationError,
  withName,
} from './index.ts';

/** The answer of the Profile service. */
export interface Profile {
  readonly name: string;
}

/** The answer of the Order service. */
export interface Orders {
  /** The number of orders. */
  readonly orders: number;
}

/**
 * The reference scenario: calls the Profile service and the Order service of a user concurrently, and joins their answers in
 * one line.
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
  readonly #user: Service<number, string, Ctx>;

  /**
   * @param services - The two services, such as {@link profileService} and {@link orderService}.
   * @param options - The options of `aggregate`. The default name is `'dashboard'`.
   */
  constructor(
    services: {
      readonly profile: ServiceLike<number, Profile, Ctx>;
      readonly orders: ServiceLike<number, Orders, Ctx>;
    },
    ...options: readonly AggregateOption[]
  ) {
    const { profile, orders } = services;
    const both = aggregate({ profile, orders }, withName('dashboard'), ...options);
    this.#user = (ctx, id) =>
      both(ctx, id).pipe(map((user) => `User: ${user.profile.name} | Orders: ${String(user.orders.orders)}`));
  }

  /**
   * Emits `User: Alice | Orders: 5` and completes. It errors as `aggregate` does, and unsubscribing cancels it.
   *
   * @param ctx - The context of the caller.
   * @param id - The id of the user.
   */
  aggregate(ctx: Ctx, id: number): Observable<string> {
    return this.#user(ctx, id);
  }
}

/**
 * The Profile service over HTTP: `GET /profiles/:id` returns `{ "name": "Alice" }`.
 *
 * It errors as `fetchJson` does, and with a `ValidationError` if the response has another shape. Unsubscribing aborts the
 * request.
 *
 * @param baseUrl - The base URL of the service.
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
      map((body) => ({ name: fieldOf(body, 'name', 'a string', (name) => typeof name === 'string') as string })),
    );
}

/**
 * The Order service over HTTP: `GET /orders/:id` returns `{ "orders": 5 }`.
 *
 * It errors as `fetchJson` does, and with a `ValidationError` if the response has another shape. Unsubscribing aborts the
 * request.
 *
 * @param baseUrl - The base URL of the service.
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
      map((body) => ({ orders: fieldOf(body, 'orders', 'an integer', Number.isInteger) as number })),
    );
}

/** Reads an own property of the body, since the prototype may have a property of that name. */
function fieldOf(body: unknown, key: string, expected: string, isValid: (value: unknown) => boolean): unknown {
  if (typeof body !== 'object' || body === null)
    throw new ValidationError({ issues: [{ message: 'expected an object' }] });
  const value: unknown = Object.hasOwn(body, key) ? (body as Record<string, unknown>)[key] : undefined;
  if (!isValid(value)) throw new ValidationError({ issues: [{ message: `expected ${expected}`, path: [key] }] });
  return value;
}
