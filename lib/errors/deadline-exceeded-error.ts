import { shortName, truncatedList } from './foreign.ts';
import { ForkfastError } from './forkfast-error.ts';

/**
 * The deadline has passed before all services completed. `cause` is RxJS's `TimeoutError`.
 *
 * `pending` is complete. The message and `toJSON` have the first five names, and the number of all if there are more.
 *
 * @remarks Named after Go's `context.DeadlineExceeded`.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate, background, withTimeout } from 'forkfast';
 *
 * const dashboard = aggregate({ orders: () => NEVER }, withTimeout(10));
 *
 * dashboard(background).subscribe({
 *   error: (error) => console.log(error.code, error.pending), // => ERR_DEADLINE_EXCEEDED [ 'orders' ]
 * });
 * ```
 */
export class DeadlineExceededError extends ForkfastError {
  override readonly name = 'DeadlineExceededError' as const;
  override readonly code = 'ERR_DEADLINE_EXCEEDED' as const;
  /**
   * The names of the services that had not completed, including queued services. For `aggregateLatest`, of the services that
   * had not emitted.
   */
  declare readonly pending: readonly string[];
  /** Milliseconds since the run started. */
  declare readonly elapsed: number;

  constructor(options: { pending: readonly string[]; elapsed: number; cause?: unknown }) {
    const { pending, elapsed } = options;
    const names = pending.length > 0 ? `, pending: ${truncatedList(pending, ', ', shortName)}` : '';
    super(`context deadline exceeded after ${String(elapsed)} ms${names}`, options, { pending, elapsed });
  }
}
