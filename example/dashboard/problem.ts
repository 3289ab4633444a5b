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

export function failed(c: Context<Env>, error: unknown): Response {
  if (error instanceof HTTPException) return refuse(c, problem(error.status, error.message));
  if (error instanceof CanceledError) c.header('connection', 'close');
  return refuse(c, problemOf(error));
}

export function notAllowed(c: Context<Env>): Response {
  c.header('allow', 'GET, HEAD');
  return refuse(c, problem(405, 'this is for reading only'));
}

export function notFound(c: Context<Env>): Response {
  return refuse(c, problem(404, 'there is nothing here'));
}

function refuse(c: Context<Env>, problem: Problem): Response {
  return c.json(problem, problem.status as ContentfulStatusCode, { 'content-type': 'application/problem+json' });
}
