import type { Dispatcher } from 'undici';
import { forbiddenTarget } from '../bad-ports.ts';
import { assertSendable, isStream, sentMethod } from '../sendable.ts';
import { contentOf } from './content.ts';

/** A request as `fetch` keeps it between redirects. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  /** Names in lower case, each once. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: NonNullable<Dispatcher.DispatchOptions['body']> | null;
  /** Whether the body can be sent only once. */
  readonly streams: boolean;
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
  const combined = new Map<string, string>();
  for (const [name = '', padded = ''] of Array.isArray(headers) ? headers : new Headers(headers)) {
    const lowerName = name.toLowerCase();
    const value = /^[\t\n\r ]|[\t\n\r ]$/.test(padded) ? padded.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '') : padded;
    const first = combined.get(lowerName);
    const separator = lowerName === 'cookie' ? '; ' : ', ';
    if (lowerName !== 'host') combined.set(lowerName, first === undefined ? value : first + separator + value);
  }
  const content = body == null ? undefined : contentOf(body);
  if (content?.type != null && !combined.has('content-type')) combined.set('content-type', content.type);
  return {
    url,
    method: sentMethod(method),
    headers: combined,
    body: content?.body ?? null,
    streams: isStream(body),
  };
}

/** @throws Error for a scheme or a port to which `fetch` never connects. For another scheme, a pool would request its own origin. */
export function assertTarget(url: URL): void {
  const reason = forbiddenTarget(url);
  if (reason !== undefined) throw new Error(reason);
}

export function hasCredentials({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}

/** Makes the options of `dispatch`, with the headers that `fetch` adds. */
export function dispatchOptions({ url, method, headers, body }: HttpRequest): Dispatcher.DispatchOptions {
  const sent = [...headers].flat();
  if (!headers.has('accept')) sent.push('accept', '*/*');
  if (!headers.has('user-agent')) sent.push('user-agent', 'undici');
  if (!headers.has('accept-encoding')) {
    const encodings = url.protocol === 'https:' ? 'br, gzip, deflate' : 'gzip, deflate';
    sent.push('accept-encoding', headers.has('range') ? 'identity' : encodings);
  }
  return { origin: url.origin, path: url.pathname + url.search, method, headers: sent, body };
}
