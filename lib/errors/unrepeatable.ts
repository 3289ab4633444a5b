import { isError } from './foreign.ts';

/** Errors of requests whose body has been read, so that nothing could send the request again. */
const unrepeatable = new WeakSet();

export function markUnrepeatable(error: unknown): void {
  if (isError(error)) unrepeatable.add(error);
}

export function isUnrepeatable(error: Error): boolean {
  return unrepeatable.has(error);
}
