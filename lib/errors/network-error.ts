import { ForkfastError } from './forkfast-error.ts';

/**
 * Why there is no complete response:
 *
 * - `connect`: there was no connection.
 * - `broken`: the connection broke, or its bytes are not HTTP.
 * - `redirect`: the response is a redirect, which was refused or cannot be followed.
 * - `certificate`: the certificate of the server was rejected.
 * - `unsendable`: the transport rejected the request before it sent anything, as for a forbidden port, an unknown scheme,
 *   or `https:` on a port without TLS.
 * - `aborted`: `init.signal` aborted.
 * - `unknown`: the transport gives no reason. Browsers give one only for a redirect.
 *
 * `connect`, `broken` and `unknown` may pass. The others stay until somebody changes something.
 */
export type NetworkErrorKind = 'connect' | 'broken' | 'redirect' | 'certificate' | 'unsendable' | 'aborted' | 'unknown';

/**
 * No complete response arrived: the connection failed, it broke (also within the body), or the request or a redirect was refused.
 *
 * The message holds the system's code, such as `ECONNREFUSED`, if there is one.
 *
 * @example
 * ```ts
 * import { background, fetchJson, NetworkError } from 'forkfast';
 *
 * fetchJson(background, 'http://127.0.0.1:2/profiles/42?token=secret').subscribe({
 *   error: (error) => {
 *     if (error instanceof NetworkError) console.log(error.kind, error.url); // => connect http://127.0.0.1:2/profiles/42
 *   },
 * });
 * ```
 */
export class NetworkError extends ForkfastError {
  override readonly name = 'NetworkError' as const;
  override readonly code = 'ERR_NETWORK' as const;
  /** Why there is no complete response. */
  declare readonly kind: NetworkErrorKind;
  declare readonly method: string;
  /** Without credentials and query. */
  declare readonly url: string;

  /** @param options - `reason` begins the message, and `advice` ends it. The default of `kind` is `'unknown'`. */
  constructor(options: {
    reason: string;
    kind?: NetworkErrorKind;
    method: string;
    url: string;
    advice?: string | undefined;
    cause?: unknown;
  }) {
    const { reason, kind = 'unknown', method, url, advice } = options;
    const message = `${reason} from ${method} ${url}`;
    super(advice === undefined ? message : `${message.replace(/:$/, '')}: ${advice}`, options, { kind, method, url });
  }
}
