import type { Observable } from 'rxjs';
import { assertPositiveInteger, hasMethod, mismatch } from '../../core/assert.ts';
import type { Context } from '../../core/context.ts';

/** How a {@link bulkhead} queues. */
export interface BulkheadConfig<Ctx extends Context = Context> {
  /**
   * The highest number of sources that wait. A full queue rejects with `BulkheadFullError` the source that matters least: the
   * newcomer, or the newest waiting source of the lowest priority if the newcomer is more important.
   *
   * @defaultValue `Infinity`
   */
  readonly queue?: number;
  /**
   * Returns how important a caller is. A higher number starts earlier. A source that is piped without a context has the priority
   * 0.
   *
   * @defaultValue 0 for all
   */
  readonly priority?: (ctx: Ctx) => number;
}

/** The operator that {@link bulkhead} makes. */
export interface Bulkhead<Ctx extends Context = Context> {
  /** Limits a source of which the bulkhead does not know the context. */
  <T>(source: Observable<T>): Observable<T>;
  /**
   * Returns the same operator for sources of a caller: it knows the priority, the deadline and the signal of `ctx`.
   *
   * While a source waits, it errors with `DeadlineExceededError` at `ctx.deadline` and with `CanceledError` when `ctx.signal`
   * aborts. It does not start at or after the deadline. A deadline that the run of `ctx` reports is left to the run. A source
   * that has waited for more than half of the time until its deadline lets newer sources of its priority start first.
   *
   * @throws TypeError or RangeError if `ctx` is not a valid context, or `priority` does not return a number.
   */
  for(ctx: Ctx): <T>(source: Observable<T>) => Observable<T>;
}

export function assertLimit(n: unknown): void {
  if (typeof n !== 'object' || n === null) assertPositiveInteger('bulkhead: n', n);
  else if (!hasMethod(n, 'sourceStarted')) {
    throw new TypeError(`${mismatch('bulkhead: n', 'a positive integer or a limit', n)}: pass adaptive({ min, max })`);
  }
}

export function assertPriority(priority: unknown): void {
  if (priority === undefined || typeof priority === 'function') return;
  throw new TypeError(`${mismatch('bulkhead: priority', 'a function', priority)}: pass (ctx) => a number`);
}

export function checkPriority(priority: unknown): number {
  if (typeof priority === 'number' && !Number.isNaN(priority)) return priority;
  throw new RangeError(`${mismatch('bulkhead: priority', 'to return a number', priority)}: return 0 for most callers`);
}
