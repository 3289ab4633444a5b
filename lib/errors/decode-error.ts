import { causeOf, ForkfastError } from './forkfast-error.ts';

/**
 * A body arrived whole and isn't what it should be: not JSON, not UTF-8, or empty.
 *
 * `status` is that of HTTP; `contentType` is the media type that the response said it was, with its charset; `null` where it
 * said none.
 *
 * @example
 * ```ts
 * import { fetchJson } from 'forkfast';
 *
 * const fetch = async () => new Response('<h1>hello', { headers: { 'content-type': 'text/html' } });
 *
 * fetchJson({ fetch }, 'http://api.test/').subscribe({
 *   error: (error) => console.log(error.message), // => expected JSON, got 9 bytes of text/html (HTTP 200) from GET http://api.test/
 * });
 * ```
 */
export class DecodeError extends ForkfastError {
  override readonly name = 'DecodeError' as const;
  override readonly code = 'ERR_DECODE' as const;
  declare readonly status: number;
  declare readonly contentType: string | null;
  declare readonly method: string;
  declare readonly url: string;

  constructor(options: {
    reason: string;
    status: number;
    contentType: string | null;
    method: string;
    url: string;
    cause?: unknown;
  }) {
    const { reason, status, contentType, method, url } = options;
    const fields = { status, contentType, method, url };
    super(`${reason} (HTTP ${String(status)}) from ${method} ${url}`, causeOf(options), fields);
  }
}
