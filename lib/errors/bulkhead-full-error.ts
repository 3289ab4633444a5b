import { ForkfastError } from './forkfast-error.ts';

/**
 * The queue of a `bulkhead` is full.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { bulkhead } from 'forkfast';
 *
 * const limit = bulkhead(1, { queue: 0 });
 * const first = NEVER.pipe(limit).subscribe();
 *
 * NEVER.pipe(limit).subscribe({ error: (error) => console.log(error.message) }); // => bulkhead full: 1 running, 0 waiting
 * first.unsubscribe();
 * ```
 */
export class BulkheadFullError extends ForkfastError {
  override readonly name = 'BulkheadFullError' as const;
  override readonly code = 'ERR_BULKHEAD_FULL' as const;
  /** The number of sources that the bulkhead has subscribed to. */
  declare readonly running: number;
  /** The number of sources in its queue. */
  declare readonly waiting: number;

  constructor(options: { running: number; waiting: number }) {
    const { running, waiting } = options;
    super(`bulkhead full: ${String(running)} running, ${String(waiting)} waiting`, undefined, { running, waiting });
  }
}
