import { ForkfastError } from './forkfast-error.ts';

/**
 * No complete response arrived: the connection failed, it broke (also within the body), or a redirect was refused.
 *
 * The message holds the system's code, such as `ECONNREFUSED`, if there is one.
 *
 * @example
 * ```ts
 * import { background, fetchJson, NetworkError } from 'forkfast';
 *
 * fetchJson(background, 'http://127.0.0.1:1/profiles/42?token=secret').subscribe({
 *   error: (error) => console.log(error instanceof NetworkError && error.url), // => http://127.0.0.1:1/profiles/42
 * });
 * ```
 */
export class NetworkError extends ForkfastError {
  override readonly name = 'NetworkError' as const;
  override readonly code = 'ERR_NETWORK' as const;
  declare readonly method: string;
  /** Without credentials and query. */
  declare readonly url: string;

  /** @param options - `reason` begins the message. */
  constructor(options: { reason: string; method: string; url: string; cause?: unknown }) {
    const { reason, method, url } = options;
    super(`${reason} from ${method} ${url}`, options, { method, url });
  }
}
