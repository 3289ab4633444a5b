import { Agent, type Dispatcher, interceptors } from 'undici';
import { hasMethod, describeType } from '../../core/assert.ts';
import type { Fetch } from '../../core/context.ts';
import { dispatchOptions } from './dispatch-options.ts';
import { Exchange } from './exchange.ts';

/** What {@link undiciFetch} takes. */
export interface UndiciFetchOptions {
  /**
   * What sends the requests: an `Agent`, a `ProxyAgent`, a `MockAgent`, or any of them with interceptors. A `Pool` or a
   * `Client` asks its own origin, whatever the URL says. Of the undici that is installed, 7 or 8: `getGlobalDispatcher()` may give
   * that of Node itself, of an older undici, which takes no request from here (`UND_ERR_INVALID_ARG`).
   *
   * @defaultValue A new `Agent` with undici's defaults.
   */
  readonly dispatcher?: Dispatcher | undefined;
}

/** A {@link Fetch} over undici. */
export interface UndiciFetch extends Fetch {
  /**
   * Refuses new requests, waits for those in flight and closes the connections. A dispatcher that was given is left alone: it
   * belongs to who made it.
   */
  close(): Promise<void>;
  /** {@link UndiciFetch.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes a transport of an undici dispatcher, for `withFetch` or `ctx.fetch`: what the global `fetch` does for `fetchJson` and
 * `fetchText`, at a fraction of its cost.
 *
 * Answers when the headers are there, and holds back a body that is not read. Rejects as `fetch` does, with a `TypeError`
 * whose `cause` has the system's `code`, and with the signal's reason when it aborts. Gzip, deflate and Brotli are decoded.
 * Of `init` it heeds `method`, `headers`, `body`, `redirect` and `signal`; it knows neither cookies nor caches nor CORS.
 *
 * Without a `dispatcher` it makes an `Agent` of its own with undici's defaults: a connection to an origin for each request in
 * flight, one request at a time on each (no pipelining), and an idle one is kept for 4,000 ms.
 *
 * @param options - The dispatcher.
 * @throws TypeError where `dispatcher` is none.
 *
 * @example
 * ```ts
 * import { fetchJson } from 'forkfast';
 * import { undiciFetch } from 'forkfast/undici';
 * import { MockAgent } from 'undici';
 *
 * const dispatcher = new MockAgent();
 * dispatcher.get('http://api.test').intercept({ path: '/profiles/42' }).reply(200, { name: 'Alice' });
 * const fetch = undiciFetch({ dispatcher });
 *
 * fetchJson<{ name: string }>({ fetch }, 'http://api.test/profiles/42').subscribe(({ name }) => console.log(name)); // => Alice
 * ```
 */
export function undiciFetch({ dispatcher: given }: UndiciFetchOptions = {}): UndiciFetch {
  if (given !== undefined && !hasMethod(given, 'dispatch')) {
    throw new TypeError(
      `undiciFetch: dispatcher must be a Dispatcher of undici, not ${describeType(given)}: give new Agent()`,
    );
  }
  const dispatcher = given ?? new Agent();
  let following: Dispatcher | undefined;
  const transport: Fetch = (url, init) =>
    new Promise((resolve, reject) => {
      const exchange = new Exchange(init.redirect === 'error', resolve, reject);
      exchange.abortWith(init);
      try {
        const options = dispatchOptions(url, init);
        if (init.redirect === 'error' || init.redirect === 'manual') {
          exchange.dispatch(dispatcher, options);
        } else {
          following ??= dispatcher.compose(interceptors.redirect({ maxRedirections: 20 }));
          exchange.dispatch(following, Object.assign(options, { throwOnMaxRedirect: true }));
        }
      } catch (error) {
        exchange.onResponseError(undefined, error);
      }
    });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    if (!given) await (closing ??= dispatcher.close());
  };
  return Object.assign(transport, { close, [Symbol.asyncDispose]: close });
}
