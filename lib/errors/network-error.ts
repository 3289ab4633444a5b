import { causeOf, ForkfastError } from './forkfast-error.ts';

/**
 * There was no answer: no connection, a connection that broke (in the body too), or a redirect that was refused.
 *
 * The message holds the system's code (`ECONNREFUSED`) where there is one; `url` has no credentials and no query.
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
  declare readonly url: string;

  constructor(options: { reason: string; method: string; url: string; cause?: unknown }) {
    const { reason, method, url } = options;
    super(`${reason} from ${method} ${url}`, causeOf(options), { method, url });
  }
}
