import { ForkfastError } from './forkfast-error.ts';

/**
 * A response body, or one line or event of a stream, has more than `maxBytes` bytes, counted after decoding. The connection is closed.
 *
 * @example
 * ```ts
 * import { fetchText } from 'forkfast';
 *
 * const fetch = async () => new Response('far too much');
 *
 * fetchText({ fetch }, 'http://api.test/', { maxBytes: 4 }).subscribe({
 *   error: (error) => console.log(error.message), // => more than 4 bytes from GET http://api.test/
 * });
 * ```
 */
export class BodyTooLargeError extends ForkfastError {
  override readonly name = 'BodyTooLargeError' as const;
  override readonly code = 'ERR_BODY_TOO_LARGE' as const;
  declare readonly maxBytes: number;
  declare readonly method: string;
  /** Without credentials and query. */
  declare readonly url: string;

  constructor(options: { maxBytes: number; method: string; url: string }) {
    const { maxBytes, method, url } = options;
    super(`more than ${String(maxBytes)} bytes from ${method} ${url}`, undefined, { maxBytes, method, url });
  }
}
