import { withSignal } from '../core/abort/with-signal.ts';
import type { Context } from '../core/context.ts';
import { assertOptions, assertRequest } from './assert-request.ts';
import { deadlineOf } from './deadline-of.ts';
import { headerOf, isWebRequest, sendableHeaders } from './headers-of.ts';
import { nodeController } from './node-controller.ts';
import { WebController } from './web-controller.ts';

/** The options of {@link contextOf}. */
export interface ContextOptions {
  /** Aborts when the server shuts down. One signal for all requests is fine. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The most milliseconds that a request may take, above 0 and below 2^31. `Infinity` for no bound.
   *
   * @defaultValue `Infinity`
   */
  readonly atMost?: number | undefined;
  /** Headers with an integer of milliseconds, in addition to those that are always read. */
  readonly deadlineHeaders?: readonly string[] | undefined;
  /** The headers to send upstream, in any case. No other header of the request is forwarded. */
  readonly propagate?: readonly string[] | undefined;
}

/** The part of a `Request` that {@link contextOf} reads. */
export interface WebRequest {
  readonly signal?: AbortSignal | null | undefined;
  readonly headers: { get(name: string): string | null };
}

/** The part of Node's `IncomingMessage`, or HTTP/2's `Http2ServerRequest`, that {@link contextOf} reads. */
export interface NodeRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** The part of Node's `ServerResponse`, or HTTP/2's `Http2ServerResponse`, that {@link contextOf} reads. */
export interface NodeResponse {
  readonly writableEnded: boolean;
  on(event: 'close' | 'finish', listener: () => void): unknown;
  off(event: 'close' | 'finish', listener: () => void): unknown;
}

/** A {@link Context} that has a signal. */
export interface ServerContext extends Context {
  readonly signal: AbortSignal;
}

/**
 * Makes the context of a request that a server has received, for a `Request` (Hono, workers, Deno, Bun, SvelteKit, Next) or for Node's
 * request and response (node:http, Express, Nest, Fastify's `raw`).
 *
 * - `signal` aborts with `ClientDisconnectedError` when the client disconnects before the response has ended (on Node: before
 *   `response.end()` is called), and with the reason of `options.signal` when that aborts. No listener is left on the request, the
 *   response, the socket and `options.signal` when the response has ended. Nobody sees the end of the response to a `Request`, so there
 *   a listener is on the two signals only while a run uses the context. If you read or spread `signal` yourself, they are followed
 *   until the request and the signal are garbage.
 * - `deadline` is the sooner of `options.atMost` and the times that the headers give: `grpc-timeout` (1 to 8 digits and one of `H`, `M`,
 *   `S`, `m`, `u` and `n`), `connect-timeout-ms` (1 to 10 digits), `x-envoy-expected-rq-timeout-ms`, `x-request-timeout-ms` and
 *   `options.deadlineHeaders` (milliseconds in digits). A client can shorten the deadline and not lengthen it. Other text is
 *   ignored, and a header that is repeated too. Zero means that the deadline has passed.
 * - `propagate` has those of the headers in `options.propagate` that the request has, with names in lower case. Repeated headers are
 *   joined. Headers that `fetch` cannot send, and those of the connection, such as `host`, are left out.
 *
 * @throws TypeError or RangeError if the request, the response or an option is not valid.
 * @remarks The idea is Go's `Request.Context` (https://pkg.go.dev/net/http#Request.Context), and gRPC's deadline propagation
 * (https://grpc.io/docs/guides/deadlines/#deadline-propagation).
 *
 * @example
 * ```ts
 * import { asyncScheduler, of } from 'rxjs';
 * import { aggregate, type Context } from 'forkfast';
 * import { contextOf } from 'forkfast/server';
 *
 * const left = ({ deadline = Infinity }: Context) => of(deadline - asyncScheduler.now() <= 500);
 * const headers = { 'grpc-timeout': '500m', 'x-request-id': 'r1', cookie: 'secret' };
 * const ctx = contextOf(new Request('http://dashboard.test/', { headers }), { atMost: 2_000, propagate: ['X-Request-Id'] });
 *
 * console.log(ctx.propagate); // => { 'x-request-id': 'r1' }
 * aggregate({ left })(ctx).subscribe(console.log); // => { left: true }
 * ```
 */
export function contextOf<R extends WebRequest | NodeRequest>(
  request: R,
  // With two overloads, the compiler would report a wrong option as a `Request` that is not a request of Node.
  ...rest: R extends WebRequest ? [options?: ContextOptions] : [response: NodeResponse, options?: ContextOptions]
): ServerContext {
  const web = isWebRequest(request);
  const [response, options = {}] = (web ? [undefined, ...rest] : rest) as [NodeResponse, ContextOptions?];
  assertRequest(request, response);
  assertOptions(options);
  const { signal, atMost, deadlineHeaders = [], propagate } = options;
  const header = (name: string): string | undefined => headerOf(request, name);
  const deadline = deadlineOf(header, atMost, deadlineHeaders);
  const ctx: Context = {
    ...(deadline === undefined ? {} : { deadline }),
    ...(propagate === undefined ? {} : { propagate: sendableHeaders(header, propagate) }),
  };
  // Made last, because it adds listeners.
  const controller = web ? new WebController(request, { signal }) : nodeController(request, response, { signal });
  return withSignal(ctx, controller);
}
