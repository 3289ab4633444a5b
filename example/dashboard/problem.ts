import { STATUS_CODES } from 'node:http';
import { CanceledError, DeadlineExceededError, ForkfastError, ServiceError } from 'forkfast';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from './app.ts';

/** Problem details (RFC 9457), with the library's `code` as an extension. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code?: string;
}

function problem(status: number, detail: string): Problem {
  return { title: STATUS_CODES[status] ?? 'Error', status, detail };
}

/** Describes an error to the client. The texts of foreign errors and foreign causes may contain secrets, and are left out. */
export function problemOf(error: unknown): Problem {
  const status = statusOf(error);
  if (!(error instanceof ForkfastError)) return problem(status, 'internal error');
  return { ...problem(status, String(error.toJSON()['message'])), code: error.code };
}

/** Maps the error of a run to an HTTP status: 504 for a deadline, 502 for a failed service, 503 during a shutdown. */
export function statusOf(error: unknown): number {
  if (error instanceof DeadlineExceededError) return 504;
  if (error instanceof ServiceError) return error.cause instanceof DeadlineExceededError ? 504 : 502;
  return error instanceof CanceledError ? 503 : 500;
}

export function failed(c: Context<Env>, error: unknown): Response {
  if (error instanceof HTTPException) return reject(c, problem(error.status, error.message));
  if (error instanceof CanceledError) c.header('connection', 'close');
  return reject(c, problemOf(error));
}

export function notAllowed(c: Context<Env>): Response {
  c.header('allow', 'GET, HEAD');
  return reject(c, problem(405, 'expected GET or HEAD'));
}

export function notFound(c: Context<Env>): Response {
  return reject(c, problem(404, 'not found'));
}

function reject(c: Context<Env>, problem: Problem): Response {
  return c.json(problem, problem.status as ContentfulStatusCode, { 'content-type': 'application/problem+json' });
}
