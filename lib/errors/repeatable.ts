import { isError } from './foreign.ts';
import { HttpError } from './http-error.ts';
import { NetworkError, type NetworkErrorKind } from './network-error.ts';

const passingStatuses: readonly number[] = [408, 425, 429, 500, 502, 503, 504];
const passingKinds: readonly NetworkErrorKind[] = ['connect', 'broken', 'unknown'];

/** Whether the same request may succeed a moment later. It may still be unsafe to repeat. */
export function mayPass(error: unknown): error is HttpError | NetworkError {
  return (
    (error instanceof NetworkError && passingKinds.includes(error.kind)) ||
    (error instanceof HttpError && passingStatuses.includes(error.status))
  );
}

/** Whether the request of an error can be sent again, if its method does not decide that. */
const repeatable = new WeakMap<Error, boolean>();

/** @param value - `true` for a request with an idempotency key, `false` for a body that has been read, which is final. */
export function markRepeatable(error: unknown, value: boolean): void {
  if (isError(error) && repeatable.get(error) !== false) repeatable.set(error, value);
}

export function isRepeatable(error: Error): boolean | undefined {
  return repeatable.get(error);
}
