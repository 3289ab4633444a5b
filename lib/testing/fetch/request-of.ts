interface RequestLine {
  readonly url: string;
  readonly method: string;
  readonly signal: AbortSignal | undefined;
}

/** Reads the arguments of any `fetch`: a URL or a `Request`, and an `init` that overrides the fields of the `Request`. */
export function requestOf(input: unknown, init: RequestInit = {}): RequestLine {
  const given: Partial<Request> = input instanceof Request ? input : {};
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
  // A `Request` listens to its signal, and a signal that many requests share would get many listeners.
  const request = new Request(input, { ...init, signal: null });
  const { method, headers, redirect } = request;
  const body = init.body ?? (input instanceof Request ? request.body : undefined);
  return { url: new URL(request.url), method, headers, body, redirect };
}
