import { ForkfastError } from '../errors/forkfast-error.ts';

/**
 * The client closed its connection, or canceled its request, before the server had answered.
 *
 * It is the `reason` of the signal that {@link contextOf} returns, and so the `cause` of the `CanceledError` of a run. Its own
 * `cause` is the reason of `request.signal`; there is none with Node's request and response. {@link problemOf} maps it to 499.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate } from 'forkfast';
 * import { ClientDisconnectedError, contextOf } from 'forkfast/server';
 *
 * const client = new AbortController();
 * const request = new Request('http://dashboard.test/users/42', { signal: client.signal });
 *
 * aggregate({ profile: () => NEVER })(contextOf(request)).subscribe({
 *   error: ({ cause }) => console.log(cause instanceof ClientDisconnectedError, cause.code), // => true ERR_CLIENT_DISCONNECTED
 * });
 * client.abort();
 * ```
 */
export class ClientDisconnectedError extends ForkfastError {
  override readonly name = 'ClientDisconnectedError' as const;
  override readonly code = 'ERR_CLIENT_DISCONNECTED' as const;

  constructor(options: { cause?: unknown } = {}) {
    super('the client disconnected before the response', options);
  }
}
