import { Observable, throwError } from 'rxjs';
import { type Context, DeadlineExceededError, ServiceError } from '../../lib/index.ts';

export const boom = new Error('boom');

/** A service that fails synchronously. */
export const fails = (): Observable<never> => throwError(() => boom);

/** Makes a service that never emits, and that logs its teardown and the abort of its signal. */
export function pendingService(name: string, log: string[]): (ctx: Context) => Observable<never> {
  return (ctx) =>
    new Observable(() => {
      ctx.signal?.addEventListener('abort', () => log.push(`${name} aborted`));
      return () => log.push(`${name} torn down`);
    });
}

/** The error of a run whose `service` failed. */
export function failed(service: string, elapsed: number, cause: unknown = boom): ServiceError {
  return new ServiceError({ service, elapsed, cause });
}

/** The error of a run at its deadline. */
export function exceeded(elapsed: number, ...pending: readonly string[]): DeadlineExceededError {
  return new DeadlineExceededError({ pending, elapsed });
}
