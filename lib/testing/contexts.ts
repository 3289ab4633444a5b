import { asyncScheduler } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { assertTimerMs } from '../core/assert.ts';
import { isVirtual } from './virtual-time.ts';

/**
 * A context whose `deadline` is in `ms` milliseconds: virtual ones inside `marbles`.
 *
 * @param ms - Counted from now, on the clock of RxJS's `asyncScheduler`; 0 for a deadline that is there already.
 * @throws RangeError for a number below 0, or of 2^31 or more.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate, DeadlineExceededError, silent, withLogger } from 'forkfast';
 * import { deadlineAfter, marbles } from 'forkfast/testing';
 *
 * marbles(({ expectObservable }) => {
 *   const ask = aggregate({ orders: () => NEVER }, withLogger(silent));
 *
 *   const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 200 });
 *   expectObservable(ask(deadlineAfter(200))).toBe('200ms #', undefined, late);
 * });
 * ```
 */
export function deadlineAfter(ms: number): { readonly deadline: number } {
  assertTimerMs('deadlineAfter: ms', ms, 0);
  return { deadline: asyncScheduler.now() + ms };
}

/**
 * A context whose signal aborts at the `!` of a marble, in virtual time; for `{ ...abortAt('--!'), ...deadlineAfter(200) }`
 * too. Call it inside `marbles`.
 *
 * In its frame it aborts before whatever is set later, such as a `cold` that is subscribed to; `'!'` aborts before anybody
 * asks.
 *
 * @param marble - `'--!'`, `'1s !'`; as for `expectSubscriptions`, the `^` may be there or not.
 * @param reason - Of the abort: `signal.reason`, and the `cause` of the `CanceledError`. By default the platform's `AbortError`.
 * @throws TypeError for a marble without `!`, and an Error where time is not virtual.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate, CanceledError, silent, withLogger } from 'forkfast';
 * import { abortAt, marbles } from 'forkfast/testing';
 *
 * marbles(({ expectObservable }) => {
 *   const ask = aggregate({ orders: () => NEVER }, withLogger(silent));
 *
 *   const canceled = new CanceledError({ cause: 'the user left' });
 *   expectObservable(ask(abortAt('--!', 'the user left'))).toBe('--#', undefined, canceled);
 * });
 * ```
 */
export function abortAt(marble: string, reason?: unknown): { readonly signal: AbortSignal } {
  if (!isVirtual()) throw new Error('abortAt: the time is real here: call it inside marbles(...)');
  const { unsubscribedFrame } = TestScheduler.parseMarblesAsSubscriptions(marble, true);
  if (unsubscribedFrame === Infinity) throw new TypeError(`abortAt: no ! in ${JSON.stringify(marble)}: when?`);
  const controller = new AbortController();
  asyncScheduler.schedule(() => {
    controller.abort(reason);
  }, unsubscribedFrame);
  return { signal: controller.signal };
}
