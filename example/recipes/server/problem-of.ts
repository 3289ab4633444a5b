import { STATUS_CODES } from 'node:http';
import { CanceledError, DeadlineExceededError, ServiceError } from 'forkfast';

/** A body of `application/problem+json` (RFC 9457). */
export interface Problem {
  readonly status: 500 | 502 | 503 | 504;
  readonly title: string;
}

/** Converts the error of a run for the client. The service and the cause are only in the log. */
export function problemOf(error: unknown): Problem {
  const status = statusOf(error);
  return { status, title: STATUS_CODES[status] ?? '' };
}

function statusOf(error: unknown): Problem['status'] {
  if (error instanceof DeadlineExceededError) return 504;
  if (error instanceof ServiceError) return error.cause instanceof DeadlineExceededError ? 504 : 502;
  return error instanceof CanceledError ? 503 : 500; // a canceled run has no client that reads the response
}
