import { ForkfastError } from './forkfast-error.ts';

/**
 * A response came with a `status` outside 200–299.
 *
 * `url` has no credentials and no query; `retryAfter` is the `Retry-After` header in milliseconds from now; `body` is what
 * arrived of the body within 64 KiB and 100 ms, for code to look at: it is not enumerable, and in no log.
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
  declare readonly status: number;
  declare readonly method: string;
  declare readonly url: string;
  declare readonly body: string;
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
