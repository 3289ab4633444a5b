import { hasMethod } from '../core/assert.ts';
import { attempt, read } from '../errors/foreign.ts';
import { validHeader } from '../http/request-headers.ts';
import type { NodeRequest, WebRequest } from './context-of.ts';

export function isWebRequest(request: unknown): request is WebRequest {
  return hasMethod(read(request, 'headers'), 'get');
}

/** The value of a header, with repeated headers joined. */
export function headerOf(request: WebRequest | NodeRequest, name: string): string | undefined {
  if (isWebRequest(request)) return request.headers.get(name) ?? undefined;
  const value = Object.hasOwn(request.headers, name) ? request.headers[name] : undefined;
  return Array.isArray(value) ? value.join(name === 'cookie' ? '; ' : ', ') : (value as string | undefined);
}

/** Headers that hold for one connection or one message, in addition to those that `fetch` cannot send. */
const notForwarded = ['connection', 'content-length', 'host', 'proxy-connection', 'te', 'trailer'];

/** The headers with these names that the request has and `fetch` can send. */
export function sendableHeaders(
  header: (name: string) => string | undefined,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const lowerNames = names.map((name) => name.toLowerCase()).filter((name) => !notForwarded.includes(name));
  const found = lowerNames.flatMap((name) => {
    const value = header(name);
    const sendable = value === undefined ? undefined : attempt(() => validHeader(name, value), undefined);
    return sendable ? [sendable] : [];
  });
  return Object.fromEntries(found);
}
