import { ForkfastError, isSafeToken } from '../errors/forkfast-error.ts';
import { NetworkError } from '../errors/network-error.ts';

/** The request that an error names. The URL has no credentials and no query. */
export interface Target {
  readonly method: string;
  readonly url: string;
}

/** The error for a transport that threw or rejected with `cause`. An error of forkfast stays as it is. */
export function networkErrorOf(cause: unknown, target: Target): unknown {
  return cause instanceof ForkfastError ? cause : networkError('no answer', cause, target);
}

export function networkError(reason: string, cause: unknown, target: Target): NetworkError {
  if (isRefusedRedirect(cause)) return new NetworkError({ reason: 'a refused redirect', ...target, cause });
  const code = codeOf(cause);
  return new NetworkError({ reason: code === undefined ? reason : `${reason} (${code})`, ...target, cause });
}

/** The system's code, such as `ECONNREFUSED`. Platforms hide it in the cause of a `TypeError: fetch failed`. */
function codeOf(error: unknown, depth = 3): string | undefined {
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return isSafeToken(code) ? code : codeOf(cause, depth - 1);
}

/** Only Node reports a refused redirect, and only in this message. */
function isRefusedRedirect(error: unknown): boolean {
  const { cause } = (error ?? {}) as { cause?: { message?: unknown } };
  return cause?.message === 'unexpected redirect';
}
