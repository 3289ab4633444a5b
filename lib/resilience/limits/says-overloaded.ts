import { CanceledError } from '../../errors/canceled-error.ts';
import { DeadlineExceededError } from '../../errors/deadline-exceeded-error.ts';
import { read } from '../../errors/foreign.ts';
import { HttpError } from '../../errors/http-error.ts';
import { serviceCauseOf } from '../../errors/service-error.ts';
import { isTransient } from '../is-transient.ts';

/** The status of an overloaded server or proxy. */
const overloaded: readonly number[] = [408, 429, 502, 503, 504];

/** Whether an error means that the upstream is overloaded. Unlike `isTransient` it does not depend on the method. */
export function saysOverloaded(error: unknown): boolean {
  const cause = serviceCauseOf(error);
  if (isTransient(cause) || cause instanceof DeadlineExceededError) return true;
  if (cause instanceof HttpError) return overloaded.includes(cause.status);
  const reason = cause instanceof CanceledError ? read(cause, 'cause') : cause; // as with `AbortSignal.timeout`
  return read(reason, 'name') === 'TimeoutError';
}
