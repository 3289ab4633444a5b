import { asyncScheduler, Observable, type Subscriber } from 'rxjs';
import { reportErrors } from '../core/abort.ts';
import { assertNonNegativeInteger, assertPositiveInteger } from '../core/assert.ts';
import { isTearingDown, type SourceObserver, subscribeTo } from '../core/service-call.ts';
import { BulkheadFullError } from '../errors/bulkhead-full-error.ts';
import { captureAsyncContext } from '../core/context.ts';

/**
 * Makes an operator that subscribes to at most `n` of the sources that are piped through it at the same time. The others wait
 * in a queue, first in, first out.
 *
 * Emits, errors and completes as the source, once the source has been started. Errors at once with `BulkheadFullError` if the
 * queue is full. Unsubscribing removes a waiting source from the queue, or frees the place of a running source, in the same
 * frame. A place becomes free after the source has been torn down. A waiting source starts in the async context of its own
 * subscriber (`AsyncLocalStorage`, the active span).
 *
 * The end of a run starts no other service of the same run: after an error or an unsubscription, and while a run ends, the next
 * source starts in a task of its own. A source that is piped through while others wait starts after them.
 *
 * ```text
 * first    --a|
 * second     --b|            starts when the first has completed
 * through  --a|              each piped through the same bulkhead(1)
 *          ----b|
 * ```
 *
 * @param n - The highest number of sources that run at the same time.
 * @param config - `queue`: the highest number of sources that wait; unlimited by default.
 * @throws RangeError if `n` is not a positive integer, or `queue` is neither an integer of at least 0 nor `Infinity`.
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
  let starting = false;

  /** A loop, not a recursion: thousands of synchronous sources may wait behind an asynchronous one. */
  const startWaiting = (): void => {
    if (starting) return;
    starting = true;
    for (const start of waiting) {
      if (running >= n) break;
      waiting.delete(start);
      start();
    }
    starting = false;
  };

  /** In a task of its own: when a whole run ends, its waiting services are about to be unsubscribed. */
  const startWaitingLater = (): void => {
    if (waiting.size > 0) asyncScheduler.schedule(startWaiting);
  };

  const startNext = (): void => {
    if (isTearingDown()) startWaitingLater();
    else startWaiting();
  };

  const run = <T>(source: Observable<T>, subscriber: Subscriber<T>): void => {
    let completion: 'none' | 'passing' | 'passed' = 'none';
    const freePlace = (): void => {
      running--;
      if (completion === 'none') startWaitingLater();
      else if (completion === 'passed') startNext();
    };
    const observer: SourceObserver<T> = {
      source: undefined,
      next: (value) => {
        subscriber.next(value);
      },
      error: (error) => {
        subscriber.error(error);
      },
      complete: () => {
        completion = 'passing'; // it may fail the run, as the completion of an empty source does
        try {
          subscriber.complete();
        } finally {
          completion = 'passed';
          startNext();
        }
      },
      onTeardownError: (error) => {
        reportErrors(() => {
          throw error;
        });
      },
    };
    running++;
    subscriber.add(() => observer.source?.unsubscribe());
    subscribeTo(source, observer);
    observer.source?.add(freePlace); // after the teardown of the source; at once if the source has ended
  };

  return (source) =>
    new Observable((subscriber) => {
      if (subscriber.closed) return; // a `forkJoin` that has failed still subscribes to the rest
      if (running + waiting.size >= n + queue) {
        subscriber.error(new BulkheadFullError({ running, waiting: waiting.size }));
      } else if (running < n && waiting.size === 0) {
        run(source, subscriber);
      } else {
        const inContext = captureAsyncContext();
        const start = (): void => {
          inContext(() => {
            run(source, subscriber);
          });
        };
        waiting.add(start);
        subscriber.add(() => waiting.delete(start));
        if (running < n) startWaitingLater();
      }
    });
}
