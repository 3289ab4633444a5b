import { ForkfastError } from './forkfast-error.ts';

/**
 * A bulkhead was full: `running` were subscribed, and as many as may were `waiting`.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { bulkhead } from 'forkfast';
 *
 * const one = bulkhead(1, { queue: 0 });
 * const first = NEVER.pipe(one).subscribe();
 *
 * NEVER.pipe(one).subscribe({ error: (error) => console.log(error.message) }); // => bulkhead full: 1 running, 0 waiting
 * first.unsubscribe();
 * ```
 */
export class BulkheadFullError extends ForkfastError {
  override readonly name = 'BulkheadFullError' as const;
  override readonly code = 'ERR_BULKHEAD_FULL' as const;
  declare readonly running: number;
  declare readonly waiting: number;

  constructor(options: { running: number; waiting: number }) {
    const { running, waiting } = options;
    super(`bulkhead full: ${String(running)} running, ${String(waiting)} waiting`, undefined, { running, waiting });
  }
}
