import { assertTarget, hasCredentials, type HttpRequest } from './http-request.ts';

/** The statuses that `fetch` follows. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const BODY_HEADERS = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length'];
const ORIGIN_HEADERS = ['authorization', 'proxy-authorization', 'cookie'];

/**
 * Makes the request that follows a redirect.
 *
 * @param location - The `location` header. It is Latin-1 text, whose bytes may be UTF-8.
 * @param streams - Whether the body of the first request can be sent only once.
 * @throws Error where `fetch` fails: the target is not HTTP or has credentials, or the body was a stream.
 * @remarks https://fetch.spec.whatwg.org/#http-redirect-fetch
 */
export function redirected(request: HttpRequest, status: number, location: string, streams: boolean): HttpRequest {
  const { method, body } = request;
  const url = new URL(/^[!-~]*$/.test(location) ? location : utf8(location), request.origin + request.path);
  if (!/^https?:$/.test(url.protocol)) throw new Error('URL scheme must be a HTTP(S) scheme');
  if (hasCredentials(url)) throw new Error('cross origin not allowed for request mode "cors"');
  assertTarget(url);
  if (status !== 303 && streams && body !== null) throw new Error('a redirect of a stream that has been sent');
  const { origin, pathname, search } = url;
  const becomesGet = status === 303 ? !/^(?:GET|HEAD)$/.test(method) : status < 303 && method === 'POST';
  const removed = [...(becomesGet ? BODY_HEADERS : []), ...(origin === request.origin ? [] : ORIGIN_HEADERS)];
  return {
    origin,
    path: pathname + search,
    method: becomesGet ? 'GET' : method,
    headers: request.headers.filter((_text, index, all) => !removed.includes(all[index - (index % 2)] ?? '')),
    body: becomesGet ? null : body,
  };
}

/** The bytes of Latin-1 text, decoded as UTF-8. */
function utf8(text: string): string {
  return new TextDecoder().decode(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}
