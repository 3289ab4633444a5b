import { asyncScheduler, Observable, type Subscriber } from 'rxjs';
import { reportErrors } from '../core/abort/report-errors.ts';
import { checkCallerContext } from '../core/abort/with-signal.ts';
import { assertNonNegativeInteger } from '../core/assert.ts';
import { background, captureAsyncContext, type Context } from '../core/context.ts';
import { isTearingDown, type SourceObserver, subscribeTo } from '../core/service-call.ts';
import { BulkheadFullError } from '../errors/bulkhead-full-error.ts';
import type { AdaptiveLimit } from './limits/adaptive.ts';
import {
  assertLimit,
  assertPriority,
  type Bulkhead,
  type BulkheadConfig,
  checkPriority,
} from './limits/bulkhead-config.ts';
import { deadlinePassed, leaveEarly } from './limits/leave-early.ts';
import { type Waiter, WaitingLine } from './limits/waiting-line.ts';

/**
 * Makes an operator that subscribes to at most `n` of the sources that are piped through it at the same time. The others wait
 * in a queue: the highest priority first, and the oldest first within a priority. Once the oldest has waited for more than half of
 * the time until its deadline, the newest of its priority starts first.
 *
 * Emits, errors and completes as the source, once the source has been started. A full queue rejects the least important source
 * with `BulkheadFullError`: the newcomer, or the newest waiting source of the lowest priority if the newcomer is more important.
 * A low priority may wait for as long as higher ones come. Unsubscribing removes a waiting source from the queue, or frees the
 * place of a running source, in the same frame. A place becomes free after the source has been torn down. A waiting source starts
 * in the async context of its own subscriber (`AsyncLocalStorage`, the active span).
 *
 * The end of a run starts no other service of the same run: after an error or an unsubscription, and while a run ends, the next
 * source starts in a task of its own. A source that is piped through while others wait waits too.
 *
 * `.pipe(limit.for(ctx))` knows the caller: its priority and its deadline. A waiting source errors with
 * `DeadlineExceededError` at `ctx.deadline`, unless the run of `ctx` reports the deadline, and with `CanceledError` when
 * `ctx.signal` aborts. It does not start at or after its deadline.
 *
 * ```text
 * first    --a|
 * second     --b|            starts when the first has completed
 * through  --a|              each piped through the same bulkhead(1)
 *          ----b|
 * ```
 *
 * @param n - The highest number of sources that run at the same time, or a limit that learns: `adaptive({ min, max })`.
 * @param config - `queue`: the highest number of sources that wait; unlimited by default. `priority`: returns how important a
 * context is, and a higher number is more important; 0 for all by default, and for a source that is piped without a context.
 * @throws RangeError if `n` is not a positive integer, or `queue` is neither an integer of at least 0 nor `Infinity`. TypeError if
 * `n` is another object than a limit, or `priority` is not a function.
 * @remarks "Release It!" (Nygard, 2007): bulkheads. "Fail at Scale" (Maurer, ACM Queue 2015): the newest first in a queue that is
 * too long.
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
 *
 * @example
 * ```ts
 * import { of, timer } from 'rxjs';
 * import { bulkhead, type Context } from 'forkfast';
 *
 * interface TierContext extends Context {
 *   readonly paid: boolean;
 * }
 * const database = bulkhead(1, { queue: 1, priority: (ctx: TierContext) => (ctx.paid ? 1 : 0) });
 * const query = (ctx: TierContext, row: string) => of(row).pipe(database.for(ctx));
 *
 * timer(1).pipe(database).subscribe();
 * query({ paid: false }, 'free').subscribe({ error: (error) => console.log(error.code) }); // => ERR_BULKHEAD_FULL
 * query({ paid: true }, 'paid').subscribe(console.log); // => paid
 * ```
 */
export function bulkhead<Ctx extends Context = Context>(
  n: number | AdaptiveLimit,
  config: BulkheadConfig<Ctx> = {},
): Bulkhead<Ctx> {
  const { queue = Infinity, priority: priorityOf } = config;
  assertLimit(n);
  assertPriority(priorityOf);
  if (queue !== Infinity) assertNonNegativeInteger('bulkhead: queue', queue);
  const places = (): number => (typeof n === 'number' ? n : n.current);
  const line = new WaitingLine<WaitingSource>();
  let running = 0;
  let starting = false;

  /**
   * In the order of arrival, all sources of a long queue start when their deadline has nearly come. They fail, and an adaptive limit
   * that counts them stays low, so that the queue stays long. The newest source has the time to succeed.
   */
  const nextWaiting = (): WaitingSource | undefined => {
    const { oldest } = line;
    return oldest && asyncScheduler.now() > oldest.halfTime ? line.newest : oldest;
  };

  /** A loop, not a recursion: thousands of synchronous sources may wait behind an asynchronous one. */
  const startWaiting = (): void => {
    if (starting) return;
    starting = true;
    for (let next = nextWaiting(); next && running < places(); next = nextWaiting()) {
      if (next.deadline <= asyncScheduler.now() && !next.late) {
        next.late = true; // its timer, or that of its run, ends it before the next task, unless the clock has jumped
        startWaitingLater();
        break;
      }
      line.remove(next);
      next.start();
    }
    starting = false;
  };

  /** In a task of its own: when a whole run ends, its waiting services are about to be unsubscribed. */
  const startWaitingLater = (): void => {
    if (line.size > 0) asyncScheduler.schedule(startWaiting);
  };

  const startNext = (): void => {
    if (isTearingDown()) startWaitingLater();
    else startWaiting();
  };

  const run = <T>(source: Observable<T>, subscriber: Subscriber<T>, deadline: number): void => {
    let completion: 'none' | 'passing' | 'passed' = 'none';
    let emitting = false;
    const freePlace = (): void => {
      running--;
      ended?.(emitting ? 'completed' : 'unsubscribed'); // as `first` does when it has the value that it needs
      if (completion === 'none') startWaitingLater();
      else if (completion === 'passed') startNext();
    };
    const observer: SourceObserver<T> = {
      subscription: undefined,
      next: (value) => {
        emitting = true;
        subscriber.next(value);
        emitting = false;
      },
      error: (error) => {
        ended?.({ error });
        subscriber.error(error);
      },
      complete: () => {
        ended?.('completed');
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
    const ended = typeof n === 'number' ? undefined : n.sourceStarted({ running, deadline });
    subscriber.add(() => observer.subscription?.unsubscribe());
    subscribeTo(source, observer);
    observer.subscription?.add(freePlace); // after the teardown of the source; at once if the source has ended
  };

  /** Adds a source to the line, in the place of `least` if the line is full. */
  const wait = (
    subscriber: Subscriber<unknown>,
    caller: { readonly priority: number; readonly ctx: Context },
    start: () => void,
    least: WaitingSource | undefined,
  ): void => {
    const inContext = captureAsyncContext();
    const fail = (error: unknown): void => {
      inContext(() => {
        subscriber.error(error);
      });
    };
    const stopTimer = leaveEarly(caller.ctx, fail);
    subscriber.add(stopTimer);
    if (subscriber.closed) return; // the signal has aborted
    const { deadline = Infinity } = caller.ctx;
    const waiting: WaitingSource = {
      priority: caller.priority,
      deadline,
      halfTime: (asyncScheduler.now() + deadline) / 2,
      late: false,
      start: () => {
        stopTimer();
        inContext(start);
      },
      fail,
    };
    if (least) line.remove(least);
    line.add(waiting);
    subscriber.add(() => {
      line.remove(waiting);
    });
    if (running < places()) startWaitingLater();
    if (!least) return;
    const full = new BulkheadFullError({ running, waiting: line.size });
    reportErrors(() => {
      least.fail(full);
    });
  };

  const operatorFor =
    (ctx: Context, priority: number) =>
    <T>(source: Observable<T>): Observable<T> =>
      new Observable((subscriber) => {
        if (subscriber.closed) return; // a `forkJoin` that has failed still subscribes to the rest
        const passed = deadlinePassed(ctx);
        const start = (): void => {
          run(source, subscriber, ctx.deadline ?? Infinity);
        };
        if (passed) {
          subscriber.error(passed);
        } else if (line.size === 0 && running < places()) {
          start();
        } else {
          const full = line.size >= queue + Math.max(0, places() - running); // a limit may have fallen below `running`
          const least = full ? line.least : undefined;
          if (!full || (least && least.priority < priority)) wait(subscriber, { priority, ctx }, start, least);
          else subscriber.error(new BulkheadFullError({ running, waiting: line.size }));
        }
      });

  return Object.assign(operatorFor(background, 0), {
    for: (ctx: Ctx) => {
      const invalid = checkCallerContext(ctx);
      if (invalid) throw invalid;
      return operatorFor(ctx, priorityOf ? checkPriority(priorityOf(ctx)) : 0);
    },
  });
}

/** A source that waits for a place. */
interface WaitingSource extends Waiter {
  readonly deadline: number;
  /** The middle between its arrival and its deadline, in epoch milliseconds. */
  readonly halfTime: number;
  /** Whether a place was free when the deadline had come, or had seemed to come. */
  late: boolean;
  readonly start: () => void;
  readonly fail: (error: unknown) => void;
}
