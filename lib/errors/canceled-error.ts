import { ForkfastError } from './forkfast-error.ts';

/**
 * The caller no longer needs the answer.
 *
 * `cause` is the `reason` of the caller's signal, by identity. There is no `cause` if the caller has unsubscribed: the error is
 * then only the `reason` of the signal that services receive.
 *
 * @remarks Named after Go's `context.Canceled`.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate } from 'forkfast';
 *
 * const dashboard = aggregate({ profile: () => of('Alice') });
 *
 * dashboard({ signal: AbortSignal.abort('the user left') }).subscribe({
 *   error: (error) => console.log(error.code, error.cause), // => ERR_CANCELED the user left
 * });
 * ```
 */
export class CanceledError extends ForkfastError {
  override readonly name = 'CanceledError' as const;
  override readonly code = 'ERR_CANCELED' as const;

  constructor(options: { cause?: unknown } = {}) {
    super('context canceled', options);
  }
}
