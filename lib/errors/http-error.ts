import { attempt, shortName, textOf } from './foreign.ts';
import { ForkfastError } from './forkfast-error.ts';

/**
 * The body of a response with the media type `application/problem+json`. Members of a wrong type are left out.
 *
 * Only `type`, `title` and `status` are enumerable, and in logs and JSON: the others may hold personal data.
 *
 * @remarks RFC 9457.
 */
export interface Problem {
  /** The kind of the problem: a URI, or `'about:blank'`. Logs and JSON leave its query out. */
  readonly type: string;
  /** The kind of the problem in words. */
  readonly title?: string;
  /** The HTTP status, as the origin server has sent it. */
  readonly status?: number;
  /** The occurrence in words. Not enumerable. */
  readonly detail: string | undefined;
  /** A URI of this very problem. Not enumerable. */
  readonly instance: string | undefined;
  /** All other members. Not enumerable. Their content is up to the upstream: check it. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

/** A read-only view of the headers of a response. It has no enumerable content, so logs and JSON show none. */
export interface ResponseHeaders {
  /** Returns the value of a header, whatever the case of its name, or `null`. */
  get(name: string): string | null;
}

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
  /** The headers of the response, such as `x-ratelimit-remaining`. The property is not enumerable and is in no log. */
  declare readonly headers: ResponseHeaders;
  /** The header `retry-after-ms`, or else `Retry-After`, in milliseconds from now. */
  readonly retryAfter: number | undefined;
  /** The body, if it is a JSON object of the media type `application/problem+json` and was not cut. */
  declare readonly problem: Problem | undefined;

  /** @param options - `problem` is parsed from `body` if `contentType` says so. */
  constructor(options: {
    status: number;
    method: string;
    url: string;
    headers?: ResponseHeaders;
    body?: string;
    contentType?: string | null | undefined;
    retryAfter?: number | undefined;
  }) {
    const { status, method, url, headers = noHeaders, body = '', contentType, retryAfter } = options;
    const problem = /^\s*application\/problem\+json\s*(?:;|$)/i.test(textOf(contentType)) ? problemOf(body) : undefined;
    super(`HTTP ${String(status)} from ${method} ${url}`, undefined, {
      status,
      method,
      url,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(problem && { problem: summaryOf(problem) }),
    });
    this.retryAfter = retryAfter;
    Object.defineProperty(this, 'body', { value: body });
    Object.defineProperty(this, 'headers', { value: readOnly(headers) });
    if (problem) Object.defineProperty(this, 'problem', { value: problem });
  }
}

const noHeaders: ResponseHeaders = { get: () => null };

/** A view: a `Headers` could be changed, and prints its content. */
export function readOnly(headers: ResponseHeaders): ResponseHeaders {
  return Object.freeze({ get: (name: string) => headers.get(name) });
}

function problemOf(body: string): Problem | undefined {
  const json: unknown = attempt(() => JSON.parse(body) as unknown, undefined);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const { type, title, status, detail, instance, ...extensions } = json as Readonly<Record<string, unknown>>;
  const shown = {
    type: typeof type === 'string' ? type : 'about:blank',
    ...(typeof title === 'string' && { title }),
    ...(Number.isInteger(status) && { status: status as number }),
  };
  const hidden = {
    detail: typeof detail === 'string' ? detail : undefined,
    instance: typeof instance === 'string' ? instance : undefined,
    extensions,
  };
  for (const [key, value] of Object.entries(hidden)) Object.defineProperty(shown, key, { value });
  return shown as Problem;
}

/** The part of a problem that a log may contain. */
function summaryOf({ type, title, status }: Problem): object {
  return {
    type: shortName(type.replace(/\?[^#]*/, '').replace(/\/\/[^/?#]*@/, '//')),
    ...(title !== undefined && { title: shortName(title) }),
    ...(status !== undefined && { status }),
  };
}
