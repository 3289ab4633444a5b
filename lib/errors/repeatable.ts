import { isError } from './foreign.ts';

/** Whether the request of an error can be sent again, if its method does not decide that. */
const repeatable = new WeakMap<Error, boolean>();

/** @param value - `true` for a request with an idempotency key, `false` for a body that has been read, which is final. */
export function markRepeatable(error: unknown, value: boolean): void {
  if (isError(error) && repeatable.get(error) !== false) repeatable.set(error, value);
}

export function isRepeatable(error: Error): boolean | undefined {
  return repeatable.get(error);
}
