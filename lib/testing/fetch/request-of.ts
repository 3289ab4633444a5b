import { hasMethod } from '../../core/assert.ts';

interface RequestFields {
  readonly url: string;
  readonly method: string;
  readonly headers: RequestInit['headers'];
  readonly body: RequestInit['body'];
  readonly redirect: RequestInit['redirect'];
  readonly signal: AbortSignal | undefined;
}

/** Reads the arguments of a `fetch`: a URL or a `Request`, and an `init` that overrides the fields of the `Request`. */
export function requestOf(input: unknown, init: RequestInit = {}): RequestFields {
  const request: Partial<Request> = isRequest(input) ? input : {};
  return {
    url: request.url ?? String(input),
    method: (init.method ?? request.method ?? 'GET').toUpperCase(),
    headers: init.headers ?? request.headers,
    body: init.body ?? request.body,
    redirect: init.redirect ?? request.redirect,
    signal: init.signal ?? request.signal,
  };
}

/** A `Request` may be that of another realm, or of a library. */
function isRequest(input: unknown): input is Request {
  return hasMethod(input, 'clone') && hasMethod(input, 'arrayBuffer');
}
