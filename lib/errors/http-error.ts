import { ForkfastError } from './forkfast-error.ts';

/**
 * A response has a status outside 200–299.
 *
 * @example
 * ```ts
 * import { fetchJson } from 'forkfast';
 *
 * const fetch = async () => new Response('no such user', { status: 404 });
 *
 * fetchJson({ fetch }, 'http://api.test/profiles/42').subscribe({
 *   error: (error) => console.log(error.message, '-', error.body), // => HTTP 404 from GET http://api.test/profiles/42 - no such user
 * });
 * ```
 */
export class HttpError extends ForkfastError {
  override readonly name = 'HttpError' as const;
  override readonly code = 'ERR_HTTP_STATUS' as const;
  /** The HTTP status, outside 200–299. */
  declare readonly status: number;
  declare readonly method: string;
  /** Without credentials and query. */
  declare readonly url: string;
  /** The first 64 KiB of the body that arrived within 100 ms. The property is not enumerable and is in no log. */
  declare readonly body: string;
  /** The header `retry-after-ms`, or else `Retry-After`, in milliseconds from now. */
  readonly retryAfter: number | undefined;

  constructor(options: {
    status: number;
    method: string;
    url: string;
    body?: string;
    retryAfter?: number | undefined;
  }) {
    const { status, method, url, retryAfter } = options;
    const fields = { status, method, url, ...(retryAfter === undefined ? {} : { retryAfter }) };
    super(`HTTP ${String(status)} from ${method} ${url}`, undefined, fields);
    this.retryAfter = retryAfter;
    Object.defineProperty(this, 'body', { value: options.body ?? '' });
  }
}
