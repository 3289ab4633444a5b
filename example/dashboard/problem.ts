import { STATUS_CODES } from 'node:http';
import { CanceledError, DeadlineExceededError, ForkfastError, ServiceError } from 'forkfast';

/** Problem details (RFC 9457), with the library's `code` and fields as extensions. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code?: string;
}

export function problem(status: number, detail: string): Problem {
  return { title: STATUS_CODES[status] ?? 'Error', status, detail };
}

/** Of an error that is not forkfast's own, and of a foreign cause, no word reaches the client: it may quote secrets. */
export function problemOf(error: unknown): Problem {
  const status = statusOf(error);
  if (!(error instanceof ForkfastError)) return problem(status, 'internal error');
  return { ...problem(status, String(error.toJSON()['message'])), code: error.code };
}

/** What a failed run is in HTTP: a gateway's timeout, a bad gateway, or a server that shuts down. */
export function statusOf(error: unknown): number {
  if (error instanceof DeadlineExceededError) return 504;
  if (error instanceof ServiceError) return error.cause instanceof DeadlineExceededError ? 504 : 502;
  return error instanceof CanceledError ? 503 : 500;
}
