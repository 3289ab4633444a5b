import { describeType } from '../core/assert.ts';
import { isError, read, shortName, textOf, truncate } from './foreign.ts';
import { ForkfastError } from './forkfast-error.ts';

/**
 * A service of an aggregate failed: it errored, threw, completed without a value, or returned no Observable.
 *
 * `cause` is the error of the service, by identity.
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, background } from 'forkfast';
 *
 * const dashboard = aggregate({ profile: () => throwError(() => new Error('boom')) });
 *
 * dashboard(background).subscribe({ error: (error) => console.log(error.message) }); // => profile: boom
 * ```
 */
export class ServiceError extends ForkfastError {
  override readonly name = 'ServiceError' as const;
  override readonly code = 'ERR_SERVICE_FAILED' as const;
  /** The name of the service, after the names of the aggregates around it: `dashboard.profile`, `[0].orders`. */
  declare readonly service: string;
  /** Milliseconds since the run started. */
  declare readonly elapsed: number;

  constructor(options: { service: string; elapsed: number; cause: unknown }) {
    const { service, elapsed, cause } = options;
    const name = shortName(service);
    const summary = `${name}: ${ForkfastError.safeSummary(cause)}`;
    super(`${name}: ${messageOf(cause)}`, options, { service, elapsed }, summary);
  }
}

/** Makes one flat error, however deep the aggregates are nested. Another copy of forkfast has a class of its own, but the code. */
export function toServiceError(service: string, elapsed: number, error: unknown): ServiceError {
  const inner = read(error, 'code') === 'ERR_SERVICE_FAILED' ? read(error, 'service') : undefined;
  if (typeof inner !== 'string') return new ServiceError({ service, elapsed, cause: error });
  return new ServiceError({ service: joinPath(service, inner), elapsed, cause: read(error, 'cause') });
}

/** The error of the service itself: a service may fail with a `ServiceError` that wraps another. */
export function serviceCauseOf(error: unknown): unknown {
  let cause = error;
  for (let depth = 0; cause instanceof ServiceError && depth < 10; depth++) cause = read(cause, 'cause');
  return cause;
}

/** The name of a service of a nested aggregate: `dashboard.profile`, `[0].orders`, `orders[3]`. */
export function joinPath(outer: string, inner: string): string {
  return inner.startsWith('[') ? outer + inner : `${outer}.${inner}`;
}

function messageOf(cause: unknown): string {
  if (isError(cause)) {
    const message = textOf(read(cause, 'message')) || textOf(read(cause, 'name')) || 'Error';
    // The message of RxJS's `EmptyError` says neither what is wrong nor what to do.
    return message === 'no elements in sequence' ? 'completed without a value: use defaultIfEmpty(value)' : message;
  }
  return (typeof cause === 'string' && truncate(cause)) || `failed with ${describeType(cause)}`;
}
