import { STATUS_CODES } from 'node:http';
import { problemOf } from 'forkfast/server';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from './app.ts';

/** Problem details (RFC 9457). */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

export function failed(c: Context<Env>, error: unknown): Response {
  if (error instanceof HTTPException) return reject(c, error.status, error.message);
  const { status, headers, body } = problemOf(error);
  if (status === 503) c.header('connection', 'close');
  return c.json(body, status as ContentfulStatusCode, headers);
}

export function notAllowed(c: Context<Env>): Response {
  c.header('allow', 'GET, HEAD');
  return reject(c, 405, 'expected GET or HEAD');
}

export function notFound(c: Context<Env>): Response {
  return reject(c, 404, 'not found');
}

function reject(c: Context<Env>, status: ContentfulStatusCode, detail: string): Response {
  const problem: Problem = { title: STATUS_CODES[status] ?? 'Error', status, detail };
  return c.json(problem, status, { 'content-type': 'application/problem+json' });
}
