import { describeType } from '../core/assert.ts';
import { ForkfastError } from './forkfast-error.ts';

/**
 * A service of an aggregate failed: it errored, threw, completed without a value, or returned no Observable.
 *
 * `service` is its name, with the names of the aggregates around it in front (`dashboard.profile`, `[0].orders`);
 * `elapsed` is counted from the start of the run, in milliseconds; `cause` is the error itself.
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, background, silent, withLogger } from 'forkfast';
 *
 * const ask = aggregate({ profile: () => throwError(() => new Error('boom')) }, withLogger(silent));
 *
 * ask(background).subscribe({ error: (error) => console.log(error.message) }); // => profile: boom
 * ```
 */
export class ServiceError extends ForkfastError {
  override readonly name = 'ServiceError' as const;
  override readonly code = 'ERR_SERVICE_FAILED' as const;
  declare readonly service: string;
  declare readonly elapsed: number;

  constructor(options: { service: string; elapsed: number; cause: unknown }) {
    const { service, elapsed, cause } = options;
    super(`${service}: ${messageOf(cause)}`, { cause }, { service, elapsed });
  }

  protected override get summary(): string {
    return `${this.service}: ${ForkfastError.safeSummary(this.cause)}`;
  }
}

/** One flat error, however deep the aggregates are nested: `dashboard.profile`, `[0].orders`. */
export function toServiceError(name: string, elapsed: number, error: unknown): ServiceError {
  if (!(error instanceof ServiceError)) return new ServiceError({ service: name, elapsed, cause: error });
  return new ServiceError({ service: joinPath(name, error.service), elapsed, cause: error.cause });
}

/** The name of a service of a nested aggregate: `dashboard.profile`, `[0].orders`, `orders[3]`. */
export function joinPath(outer: string, service: string): string {
  return service.startsWith('[') ? outer + service : `${outer}.${service}`;
}

function messageOf(cause: unknown): string {
  if (cause instanceof Error) return cause.message || cause.name;
  return typeof cause === 'string' ? cause : `failed with ${describeType(cause)}`;
}
