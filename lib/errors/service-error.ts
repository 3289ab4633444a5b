import { describeType } from '../core/assert.ts';
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
    super(`${service}: ${messageOf(cause)}`, options, { service, elapsed });
  }

  protected override get summary(): string {
    return `${this.service}: ${ForkfastError.safeSummary(this.cause)}`;
  }
}

/** Makes one flat error, however deep the aggregates are nested. */
export function toServiceError(service: string, elapsed: number, error: unknown): ServiceError {
  if (!(error instanceof ServiceError)) return new ServiceError({ service, elapsed, cause: error });
  return new ServiceError({ service: joinPath(service, error.service), elapsed, cause: error.cause });
}

/** The name of a service of a nested aggregate: `dashboard.profile`, `[0].orders`, `orders[3]`. */
export function joinPath(outer: string, inner: string): string {
  return inner.startsWith('[') ? outer + inner : `${outer}.${inner}`;
}

function messageOf(cause: unknown): string {
  if (cause instanceof Error) return cause.message || cause.name;
  return typeof cause === 'string' ? cause : `failed with ${describeType(cause)}`;
}
