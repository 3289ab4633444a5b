import { assertTarget, hasCredentials, type HttpRequest, targetOf } from './dispatch-options.ts';

/** The statuses that `fetch` follows. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const BODY_HEADERS = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length'];
const ORIGIN_HEADERS = ['authorization', 'proxy-authorization', 'cookie'];

/**
 * Makes the request that follows a redirect.
 *
 * @param location - The `location` header. It is Latin-1 text, whose bytes may be UTF-8.
 * @throws Error where `fetch` fails: the target is not HTTP or has credentials, or the body was a stream.
 * @remarks https://fetch.spec.whatwg.org/#http-redirect-fetch
 */
export function redirected(request: HttpRequest, status: number, location: string): HttpRequest {
  const url = new URL(/^[!-~]*$/.test(location) ? location : utf8(location), request.origin + request.path);
  if (!/^https?:$/.test(url.protocol)) throw new Error('URL scheme must be a HTTP(S) scheme');
  if (hasCredentials(url)) throw new Error('cross origin not allowed for request mode "cors"');
  assertTarget(url);
  if (status !== 303 && request.streams) throw new Error('a redirect of a stream that has been sent');
  const { method } = request;
  const becomesGet = status === 303 ? !/^(?:GET|HEAD)$/.test(method) : status < 303 && method === 'POST';
  const removed = [...(becomesGet ? BODY_HEADERS : []), ...(url.origin === request.origin ? [] : ORIGIN_HEADERS)];
  const headers = request.headers.filter(([name]) => !removed.includes(name));
  const next = { ...request, ...targetOf(url), headers };
  return becomesGet ? { ...next, method: 'GET', body: null, streams: false } : next;
}

/** The bytes of Latin-1 text, decoded as UTF-8. */
function utf8(text: string): string {
  return new TextDecoder().decode(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}
