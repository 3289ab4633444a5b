import { causeOf, ForkfastError } from './forkfast-error.ts';

/**
 * The caller no longer wants the answer: `cause` is the very `reason` of the caller's signal.
 *
 * There is no `cause` where the caller unsubscribed: this is then only the `reason` that services find in their signal.
 *
 * @remarks Named as Go's `context.Canceled`.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { aggregate } from 'forkfast';
 *
 * const ask = aggregate({ profile: () => of('Alice') });
 *
 * ask({ signal: AbortSignal.abort('the user left') }).subscribe({
 *   error: (error) => console.log(error.code, error.cause), // => ERR_CANCELED the user left
 * });
 * ```
 */
export class CanceledError extends ForkfastError {
  override readonly name = 'CanceledError' as const;
  override readonly code = 'ERR_CANCELED' as const;

  constructor(options: { cause?: unknown } = {}) {
    super('context canceled', causeOf(options));
  }
}
