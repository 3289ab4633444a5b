import { attempt, read, shortName, truncatedList } from '../errors/foreign.ts';
import { codeOf, isFailure, isOpenBreaker, unwrap } from './unwrap.ts';

/** A response that describes an error, in parts: for any framework. */
export interface Problem {
  readonly status: 499 | 500 | 502 | 503 | 504;
  /** `content-type`, and `retry-after` in seconds with 503. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ProblemBody;
}

/** Problem details (RFC 9457). They are safe to send: they hold no text from outside forkfast except the names of services. */
export interface ProblemBody {
  /** The title says it all: there is no page about the problem. */
  readonly type: 'about:blank';
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  readonly detail: string;
  /** The service that failed, as in `ServiceError`. */
  readonly service?: string;
  /** The first five services that had not answered, as in `DeadlineExceededError`. */
  readonly pending?: readonly string[];
  /** The number of all services that had not answered, if `pending` does not have them all. */
  readonly pendingCount?: number;
}

const titles = {
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
} as const;

/**
 * Converts the error of a run to a response for the client:
 *
 * - 504 for `DeadlineExceededError`, also that of a nested aggregate, with `pending`
 * - 499 for a client that has disconnected. Nobody receives it: it is for your log
 * - 503 with `retry-after` for `BulkheadFullError`, for an open circuit breaker of cockatiel or opossum, and for any other
 *   `CanceledError`, since the server is then shutting down
 * - 502 for a service or a request that failed in another way, whatever its status. It has no `Retry-After` of the upstream: the upstream
 *   has said it to the server, not to the client
 * - 500 for any other error
 *
 * `service` and `pending` hold names from your own code, cut at 200 characters. Nothing else of an error is in the result, and nothing
 * of an upstream.
 *
 * @param error - Anything. Errors of another copy of forkfast are recognized by name and code.
 * @remarks RFC 9457. The status 499 is that of nginx.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate, background, fetchJson } from 'forkfast';
 * import { problemOf } from 'forkfast/server';
 *
 * const fetch = async () => new Response('secret', { status: 500 });
 * const dashboard = aggregate({ profile: () => fetchJson({ fetch }, 'http://api.test/?key=secret'), orders: () => of(5) });
 *
 * dashboard(background).subscribe({ error: (error) => console.log(problemOf(error).body) });
 * // => { type: 'about:blank', title: 'Bad Gateway', status: 502, detail: 'The service profile failed.', service: 'profile' }
 * ```
 */
export function problemOf(error: unknown): Problem {
  const { outer, cause, service } = unwrap(error);
  const code = codeOf(cause);
  const of = service === undefined ? '' : ` of ${service}`;
  if (code === 'ERR_DEADLINE_EXCEEDED') {
    const pending = namesIn(read(cause, 'pending'));
    const before = pending.length > 0 ? ` before ${truncatedList(pending, ', ', shortName)} answered` : '';
    return problem(504, `The deadline${of} passed${before}.`, { service, pending });
  }
  if (code === 'ERR_CLIENT_DISCONNECTED') return problem(499, 'The client disconnected before the response.');
  if (code === 'ERR_BULKHEAD_FULL') return problem(503, `The queue${of} is full.`, { service });
  if (isOpenBreaker(cause)) return problem(503, `The circuit breaker${of} is open.`, { service });
  if (outer === 'ERR_CANCELED') return problem(503, 'The server is shutting down.');
  if (service !== undefined) return problem(502, `The service ${service} failed.`, { service });
  return isFailure(outer) ? problem(502, 'A request to a service failed.') : problem(500, 'The server failed.');
}

/**
 * Makes the `Response` of a problem.
 *
 * @example
 * ```ts
 * import { problemOf, toResponse } from 'forkfast/server';
 *
 * const response = toResponse(problemOf(new Error('boom')));
 *
 * console.log(response.status, response.headers.get('content-type')); // => 500 application/problem+json
 * ```
 */
export function toResponse({ status, headers, body }: Problem): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

interface Culprit {
  readonly service?: string | undefined;
  readonly pending?: readonly string[];
}

function problem(status: Problem['status'], detail: string, { service, pending }: Culprit = {}): Problem {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...(status === 503 ? { 'retry-after': '1' } : {}) },
    body: {
      type: 'about:blank',
      title: titles[status],
      status,
      detail,
      ...(service === undefined ? {} : { service }),
      ...(pending === undefined ? {} : { pending: pending.slice(0, 5).map(shortName) }),
      ...(pending === undefined || pending.length <= 5 ? {} : { pendingCount: pending.length }),
    },
  };
}

/** The names in a list. Another iterable may be endless. */
function namesIn(pending: unknown): readonly string[] {
  return attempt(() => (Array.isArray(pending) ? pending.filter((name) => typeof name === 'string') : []), []);
}
