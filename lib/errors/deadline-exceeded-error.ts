import { causeOf, ForkfastError, truncatedList } from './forkfast-error.ts';

/**
 * The deadline passed before every service had answered.
 *
 * `pending` names the services that had not (in `aggregateLatest`, not even once), the queued ones included; `elapsed` is
 * counted from the start of the run, in milliseconds; `cause` is RxJS's `TimeoutError`.
 *
 * @remarks Named as Go's `context.DeadlineExceeded`.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate, background, silent, withLogger, withTimeout } from 'forkfast';
 *
 * const ask = aggregate({ orders: () => NEVER }, withTimeout(10), withLogger(silent));
 *
 * ask(background).subscribe({ error: (error) => console.log(error.code, error.pending) }); // => ERR_DEADLINE_EXCEEDED [ 'orders' ]
 * ```
 */
export class DeadlineExceededError extends ForkfastError {
  override readonly name = 'DeadlineExceededError' as const;
  override readonly code = 'ERR_DEADLINE_EXCEEDED' as const;
  declare readonly pending: readonly string[];
  declare readonly elapsed: number;

  constructor(options: { pending: readonly string[]; elapsed: number; cause?: unknown }) {
    const { pending, elapsed } = options;
    const names = truncatedList(pending, ', ', (name) => name);
    super(`context deadline exceeded after ${String(elapsed)} ms, pending: ${names}`, causeOf(options), {
      pending,
      elapsed,
    });
  }
}
