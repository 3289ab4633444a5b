import type { Dispatcher } from 'undici';
import { forbiddenTarget } from '../bad-ports.ts';
import { assertSendable, sentMethod, trimmedValue } from '../sendable.ts';
import { contentOf } from './content.ts';

/** A request in the form that `dispatch` takes. */
export interface HttpRequest extends Dispatcher.DispatchOptions {
  readonly origin: string;
  /** The path and the query. */
  readonly path: string;
  readonly method: Dispatcher.HttpMethod;
  /** Names in lower case, each once, and each followed by its value. */
  readonly headers: string[];
  readonly body: NonNullable<Dispatcher.DispatchOptions['body']> | null;
}

/**
 * Makes a request from the arguments of `fetch`.
 *
 * @throws TypeError for a URL, a method or a body that `fetch` cannot send.
 */
export function httpRequest(url: URL, init: RequestInit): HttpRequest {
  assertSendable(init);
  assertTarget(url);
  if (hasCredentials(url)) throw new TypeError('credentials in the URL');
  const { method = 'GET', headers = [], body } = init;
  const sent = flatHeaders(headers);
  const content = body == null ? undefined : contentOf(body);
  if (content?.type != null && !hasHeader(sent, 'content-type')) sent.push('content-type', content.type);
  const { origin, pathname, search } = url;
  return { origin, path: pathname + search, method: sentMethod(method), headers: sent, body: content?.body ?? null };
}

/** It reads pairs by index: destructuring would cost more than the rest. */
function flatHeaders(headers: NonNullable<RequestInit['headers']>): string[] {
  const flat: string[] = [];
  const pairs: Iterable<readonly (string | undefined)[]> = Array.isArray(headers) ? headers : new Headers(headers);
  for (const header of pairs) {
    const name = (header[0] ?? '').toLowerCase();
    if (name === 'host') continue;
    const value = trimmedValue(header[1] ?? '');
    const known = indexOf(flat, name);
    if (known < 0) flat.push(name, value);
    else flat[known + 1] = `${flat[known + 1] ?? ''}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return flat;
}

/** The index of a name, or -1. Every other item is a value. */
function indexOf(headers: readonly string[], name: string): number {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) return index;
  return -1;
}

function hasHeader(headers: readonly string[], name: string): boolean {
  return indexOf(headers, name) >= 0;
}

/** @throws Error for a scheme or a port to which `fetch` never connects. For another scheme, a pool would request its own origin. */
export function assertTarget(url: URL): void {
  const reason = forbiddenTarget(url);
  if (reason !== undefined) throw new Error(reason);
}

export function hasCredentials({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}

/** A request as it was before {@link withDefaultHeaders}, for a redirect. */
export function copyOf(request: HttpRequest): HttpRequest {
  return { ...request, headers: [...request.headers] };
}

/** Adds the headers that `fetch` adds, to the request itself: most requests are sent once. */
export function withDefaultHeaders(request: HttpRequest): HttpRequest {
  const { origin, headers } = request;
  if (!hasHeader(headers, 'accept')) headers.push('accept', '*/*');
  if (!hasHeader(headers, 'user-agent')) headers.push('user-agent', 'undici');
  if (!hasHeader(headers, 'accept-encoding')) {
    const encodings = origin.startsWith('https:') ? 'br, gzip, deflate' : 'gzip, deflate';
    headers.push('accept-encoding', hasHeader(headers, 'range') ? 'identity' : encodings);
  }
  return request;
}
