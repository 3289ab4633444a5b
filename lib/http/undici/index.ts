import { Agent, type Dispatcher } from 'undici';
import { hasMethod, mismatch } from '../../core/assert.ts';
import type { Fetch } from '../../core/context.ts';
import { FetchHandler } from './fetch-handler.ts';

/**
 * The connections to an origin. With hundreds of them undici spends more time on finding a free one than on the request: 500 runs in
 * flight cost half as much with 256 as without a bound. A lower bound gains little, and an upstream that hangs on some paths would
 * occupy all connections sooner.
 */
const CONNECTIONS = 256;

/** The options of {@link undiciFetch}. */
export interface UndiciFetchOptions {
  /**
   * Sends the requests: an `Agent`, a `ProxyAgent`, a `MockAgent`, or any of them with interceptors. A `Pool` or a `Client` sends
   * every request to its own origin, whatever the URL says.
   *
   * Create it with the installed undici, 7 or 8. `getGlobalDispatcher()` may return the dispatcher of Node's own, older undici,
   * which rejects the requests (`UND_ERR_INVALID_ARG`).
   *
   * @defaultValue A new `Agent` with at most 256 connections to each origin.
   */
  readonly dispatcher?: Dispatcher | undefined;
}

/** A {@link Fetch} that sends requests through undici. */
export interface UndiciFetch extends Fetch {
  /**
   * Rejects new requests, waits for those in flight and closes the connections. A dispatcher that was passed in stays open: its
   * owner closes it.
   */
  close(): Promise<void>;
  /** Calls {@link UndiciFetch.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Creates a transport from an undici dispatcher, for `withFetch` or `ctx.fetch`. For `fetchJson` and `fetchText` it does what
 * the global `fetch` does, at a fraction of the cost.
 *
 * - It resolves when the headers have arrived, and pauses the connection while the body is not read. It decodes gzip, deflate
 *   and Brotli.
 * - It rejects as `fetch` does: with a `TypeError` whose `cause` has the system's `code`, or with the signal's reason when the
 *   signal aborts. It rejects the ports, schemes, methods and bodies that `fetch` rejects.
 * - It follows redirects as `fetch` does, up to 20. To another origin it sends no credentials, and no stream twice.
 * - It uses `method`, `headers`, `body`, `redirect` and `signal` of the `init`. It has no cookies, no cache and no CORS.
 *
 * Without a `dispatcher` it creates an `Agent` with at most 256 connections to each origin, without pipelining. More requests wait for a
 * connection, and their deadlines run meanwhile. An idle connection is kept for 4,000 ms.
 *
 * @throws TypeError if `dispatcher` is not a dispatcher.
 *
 * @remarks The API of dispatchers is https://undici.nodejs.org/#/docs/api/Dispatcher.
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
      `${mismatch('undiciFetch: dispatcher', 'a Dispatcher of undici', given)}: pass new Agent(), for example`,
    );
  }
  const dispatcher = given ?? new Agent({ connections: CONNECTIONS });
  const transport: Fetch = (url, init) =>
    new Promise((resolve, reject) => {
      new FetchHandler(dispatcher, init, resolve, reject).send(url, init);
    });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    if (!given) await (closed ??= dispatcher.close());
  };
  return Object.assign(transport, { close, [Symbol.asyncDispose]: close });
}
