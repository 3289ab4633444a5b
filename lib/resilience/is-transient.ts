import { isRepeatable, mayPass } from '../errors/repeatable.ts';
import { serviceCauseOf } from '../errors/service-error.ts';

const idempotent = /^(?:GET|HEAD|OPTIONS|QUERY|PUT|DELETE|TRACE)$/;

/**
 * Returns whether the same request is safe to repeat and may succeed a moment later.
 *
 * `true` for a `NetworkError` of the kinds `connect`, `broken` and `unknown`, and for an `HttpError` with the status 408, 425,
 * 429, 500, 502, 503 or 504. Both only if the method is idempotent (GET, HEAD, OPTIONS, QUERY, PUT, DELETE or TRACE) or the request
 * has an `idempotencyKey`, and if the body can be sent again: a stream that has been read cannot. For a `ServiceError` its cause
 * decides. `false` for any other error.
 *
 * @remarks RFC 9110, section 9.2.2, and RFC 10008 for QUERY, define which methods are idempotent.
 *
 * @example
 * ```ts
 * import { HttpError, isTransient } from 'forkfast';
 *
 * const response = { status: 503, url: 'http://api.test/orders' };
 * console.log(isTransient(new HttpError({ ...response, method: 'GET' }))); // => true
 * console.log(isTransient(new HttpError({ ...response, method: 'POST' }))); // => false
 * ```
 */
export function isTransient(error: unknown): boolean {
  const cause = serviceCauseOf(error);
  return mayPass(cause) && (isRepeatable(cause) ?? idempotent.test(cause.method));
}
