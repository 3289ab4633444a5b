import { asyncScheduler, finalize, Observable, tap } from 'rxjs';
import { assertPositiveInteger, assertNonNegativeInteger } from '../core/assert.ts';
import { BulkheadFullError } from '../errors/bulkhead-full-error.ts';

/**
 * Shared by all that pipe through the operator that it returns: at most `n` of them are subscribed, first come, first
 * served.
 *
 * Emits, errors and completes as the source does once its turn has come. Errors with `BulkheadFullError` at once where
 * `queue` are waiting already. Whoever unsubscribes leaves the queue, or frees a place, in the same frame. A place is free
 * once its source is torn down; after a failure or an unsubscribing, who waits for it starts in a task of its own, so that of a run
 * that ends as a whole none does.
 *
 * ```text
 * first    --a|
 * second     --b|            starts when the first has completed
 * through  --a|              each piped through the same bulkhead(1)
 *          ----b|
 * ```
 *
 * @param n - How many may be subscribed at once.
 * @param config - `queue`: how many may wait; by default any number.
 * @throws RangeError for an `n` that is no positive integer, or a `queue` that is no whole number.
 * @remarks "Release It!" (Nygard, 2007): bulkheads.
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { bulkhead } from 'forkfast';
 *
 * const database = bulkhead(10, { queue: 100 }); // one for all that use the database
 *
 * of('row').pipe(database).subscribe(console.log); // => row
 * ```
 */
export function bulkhead(
  n: number,
  config: { readonly queue?: number } = {},
): <T>(source: Observable<T>) => Observable<T> {
  const { queue = Infinity } = config;
  assertPositiveInteger('bulkhead: n', n);
  if (queue !== Infinity) assertNonNegativeInteger('bulkhead: queue', queue);
  const waiting = new Set<() => void>();
  let running = 0;
  let serving = false;
  /** A loop, not a recursion: many synchronous ones may wait behind an asynchronous one. */
  const serve = (): void => {
    if (serving) return;
    serving = true;
    for (const start of waiting) {
      if (running >= n) break;
      waiting.delete(start);
      start();
    }
    serving = false;
  };
  return (source) =>
    new Observable((subscriber) => {
      if (running + waiting.size >= n + queue) {
        subscriber.error(new BulkheadFullError({ running, waiting: waiting.size }));
        return;
      }
      const start = (): void => {
        let completed = false;
        const complete = (): void => {
          completed = true;
        };
        const release = (): void => {
          running--;
          if (completed) serve();
          // Not in the stack of a failure: where a whole run ends, those of it that wait are about to leave.
          else asyncScheduler.schedule(serve);
        };
        running++;
        source.pipe(tap({ complete }), finalize(release)).subscribe(subscriber);
      };
      waiting.add(start);
      subscriber.add(() => waiting.delete(start)); // at once where it is over: a `forkJoin` that has failed subscribes to the rest
      serve();
    });
}
