/** What a `fetch` is asked. */
interface Requested {
  readonly url: string;
  readonly method: string;
  readonly headers: RequestInit['headers'];
  readonly body: RequestInit['body'];
  readonly redirect: RequestInit['redirect'];
  readonly signal: AbortSignal | undefined;
}

/** A `fetch` is given a URL or a `Request`, and beside it what counts more than what the `Request` says. */
export function requestOf(input: unknown, init: RequestInit = {}): Requested {
  const request: Partial<Request> = input instanceof Request ? input : {};
  return {
    url: request.url ?? String(input),
    method: (init.method ?? request.method ?? 'GET').toUpperCase(),
    headers: init.headers ?? request.headers,
    body: init.body ?? request.body,
    redirect: init.redirect ?? request.redirect,
    signal: init.signal ?? request.signal,
  };
}
