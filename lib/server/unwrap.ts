import { isError, read, shortName } from '../errors/foreign.ts';
import { joinPath } from '../errors/service-error.ts';

/** The errors that a service or a request fails with. Their texts may quote an upstream. */
const failures = {
  ERR_SERVICE_FAILED: 'ServiceError',
  ERR_HTTP_STATUS: 'HttpError',
  ERR_NETWORK: 'NetworkError',
  ERR_DECODE: 'DecodeError',
  ERR_BODY_TOO_LARGE: 'BodyTooLargeError',
  ERR_VALIDATION: 'ValidationError',
};
const names: Readonly<Record<string, string>> = {
  ...failures,
  ERR_DEADLINE_EXCEEDED: 'DeadlineExceededError',
  ERR_CANCELED: 'CanceledError',
  ERR_BULKHEAD_FULL: 'BulkheadFullError',
  ERR_CLIENT_DISCONNECTED: 'ClientDisconnectedError',
};

interface Unwrapped {
  /** The code of the outermost error. */
  readonly outer: string | undefined;
  /** The first error that is neither a failed service nor a cancellation, or the last of ten. */
  readonly cause: unknown;
  /** The name of the service, after the names of the services around it. */
  readonly service: string | undefined;
}

/** Finds the cause of an error, through failed services and cancellations. */
export function unwrap(error: unknown): Unwrapped {
  const outer = codeOf(error);
  let cause = error;
  let service: string | undefined;
  for (let depth = 0; depth < 10; depth++) {
    const code = codeOf(cause);
    if (code !== 'ERR_SERVICE_FAILED' && code !== 'ERR_CANCELED') break;
    const inner = code === 'ERR_SERVICE_FAILED' ? read(cause, 'service') : undefined;
    if (typeof inner === 'string') service = shortName(service === undefined ? inner : joinPath(service, inner));
    cause = read(cause, 'cause');
  }
  return { outer, cause, service };
}

/** The code of an error of forkfast. Another copy of forkfast has classes of its own, but the same names and codes. */
export function codeOf(error: unknown): string | undefined {
  const code = read(error, 'code');
  if (typeof code !== 'string' || !Object.hasOwn(names, code)) return undefined;
  if (read(error, 'name') !== names[code] || !isError(error)) return undefined;
  // The CanceledError of axios has the same name and the same code.
  return code === 'ERR_CANCELED' && read(error, 'message') !== 'context canceled' ? undefined : code;
}

/** Whether a circuit breaker of cockatiel or opossum is open. */
export function isOpenBreaker(error: unknown): boolean {
  return isError(error) && (read(error, 'code') === 'EOPENBREAKER' || read(error, 'isBrokenCircuitError') === true);
}

/** Whether the code is that of a service or a request that failed. */
export function isFailure(code: string | undefined): boolean {
  return code !== undefined && Object.hasOwn(failures, code);
}
