import { hasMethod } from '../../core/assert.ts';

interface RequestLine {
  readonly url: string;
  readonly method: string;
  readonly signal: AbortSignal | undefined;
}

/** Reads the arguments of any `fetch`: a URL or a `Request`, and an `init` that overrides the fields of the `Request`. */
export function requestOf(input: unknown, init: RequestInit = {}): RequestLine {
  const given: Partial<Request> = isRequest(input) ? input : {};
  return {
    url: given.url ?? String(input),
    method: (init.method ?? given.method ?? 'GET').toUpperCase(),
    signal: init.signal ?? given.signal,
  };
}

interface PlatformRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: RequestInit['body'];
  readonly redirect: RequestRedirect;
}

/**
 * Reads the arguments of a `fetch` as the platform does. The body of a `Request` is read by this: it cannot be sent again.
 *
 * @throws TypeError for a request that the platform's `fetch` rejects.
 */
export function platformRequestOf(input: string | URL | Request, init: RequestInit = {}): PlatformRequest {
  const foreign: Request | undefined = isRequest(input) && !isPlatformRequest(input) ? input : undefined;
  const fields = foreign && { method: foreign.method, headers: [...foreign.headers], redirect: foreign.redirect };
  // A `Request` listens to its signal, and a signal that many requests share would get many listeners.
  const request = new Request(foreign?.url ?? input, { ...fields, ...init, signal: null });
  const { method, headers, redirect } = request;
  const body = init.body ?? (isRequest(input) ? (foreign ?? request).body : undefined);
  return { url: new URL(request.url), method, headers, body, redirect };
}

/** A `Request` may be that of another realm, or of a library. */
function isRequest(input: unknown): input is Request {
  return hasMethod(input, 'clone') && hasMethod(input, 'arrayBuffer');
}

function isPlatformRequest(input: object): boolean {
  return input instanceof Request;
}
