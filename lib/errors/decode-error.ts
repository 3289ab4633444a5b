import { ForkfastError } from './forkfast-error.ts';

/**
 * A complete response body, or a line of one, cannot be used: it is not JSON, not UTF-8, empty, or of another media type.
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
  /** The HTTP status. */
  declare readonly status: number;
  /** The media type and charset from the response's `Content-Type`, or `null` if it has none. */
  declare readonly contentType: string | null;
  declare readonly method: string;
  /** Without credentials and query. */
  declare readonly url: string;

  /** @param options - `reason` begins the message. */
  constructor(options: {
    reason: string;
    status: number;
    contentType: string | null;
    method: string;
    url: string;
    cause?: unknown;
  }) {
    const { reason, status, contentType, method, url } = options;
    const message = `${reason} (HTTP ${String(status)}) from ${method} ${url}`;
    super(message, options, { status, contentType, method, url });
  }
}
