import { asyncScheduler } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { allowManyListeners } from '../core/abort/allow-many-listeners.ts';
import { assertTimerMs } from '../core/assert.ts';
import { isVirtual } from './virtual-time.ts';

/**
 * Makes a context whose `deadline` is in `ms` milliseconds, which are virtual inside `marbles`.
 *
 * @param ms - Milliseconds from now, on the clock of RxJS's `asyncScheduler`; 0 for a deadline that has passed.
 * @throws RangeError if `ms` is below 0, or 2^31 or more.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate, DeadlineExceededError } from 'forkfast';
 * import { deadlineAfter, marbles } from 'forkfast/testing';
 *
 * marbles(({ expectObservable }) => {
 *   const dashboard = aggregate({ orders: () => NEVER });
 *
 *   const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 200 });
 *   expectObservable(dashboard(deadlineAfter(200))).toBe('200ms #', undefined, late);
 * });
 * ```
 */
export function deadlineAfter(ms: number): { readonly deadline: number } {
  assertTimerMs('deadlineAfter: ms', ms, 0);
  return { deadline: asyncScheduler.now() + ms };
}

/**
 * Makes a context whose signal aborts at the `!` of a marble, in virtual time. Call it inside `marbles`, alone or with a
 * deadline: `{ ...abortAt('--!'), ...deadlineAfter(200) }`.
 *
 * Within its frame, the abort comes before everything that is scheduled later, such as a `cold` that a service subscribes to.
 * `'!'` aborts before the first service is called.
 *
 * @param marble - `'--!'` or `'1s !'`; a `^` is allowed, as in `expectSubscriptions`.
 * @param reason - The `signal.reason`, and so the `cause` of the `CanceledError`.
 * @defaultValue `reason`: the platform's `AbortError`
 * @throws TypeError if the marble has no `!`, and an `Error` outside of virtual time.
 *
 * @example
 * ```ts
 * import { NEVER } from 'rxjs';
 * import { aggregate, CanceledError } from 'forkfast';
 * import { abortAt, marbles } from 'forkfast/testing';
 *
 * marbles(({ expectObservable }) => {
 *   const dashboard = aggregate({ orders: () => NEVER });
 *
 *   const canceled = new CanceledError({ cause: 'the user left' });
 *   expectObservable(dashboard(abortAt('--!', 'the user left'))).toBe('--#', undefined, canceled);
 * });
 * ```
 */
export function abortAt(marble: string, reason?: unknown): { readonly signal: AbortSignal } {
  if (!isVirtual()) throw new Error('abortAt: expected virtual time, got real time: call it inside marbles(…)');
  const { unsubscribedFrame } = TestScheduler.parseMarblesAsSubscriptions(marble, true);
  if (unsubscribedFrame === Infinity) {
    throw new TypeError(
      `abortAt: marble: expected a !, got ${JSON.stringify(marble)}: add it at the frame of the abort`,
    );
  }
  const controller = new AbortController();
  allowManyListeners(controller.signal);
  asyncScheduler.schedule(() => {
    controller.abort(reason);
  }, unsubscribedFrame);
  return { signal: controller.signal };
}
