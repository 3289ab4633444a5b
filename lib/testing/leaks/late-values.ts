import { config, type Subscription } from 'rxjs';
import type { Watcher } from './leak.ts';

/** The subscribers that have received a late value. If its source goes on, that is no leak of the next service. */
const reported = new WeakSet();

/**
 * Watches values that a source emits after the end.
 *
 * RxJS drops such a value, and calls `onStoppedNotification` a task later if that hook is set when it drops the value. So the
 * hook is set by a getter. `isLate` must be false during the call stack of the end, because a loop that emits once more in that
 * stack is no leak.
 */
export function watchValues(isLate: () => boolean, restored: Subscription): Watcher {
  let hook = config.onStoppedNotification;
  let values = 0;
  const watching: typeof hook = (notification, subscriber) => {
    // An error is not counted: a promise that was aborted rejects.
    if (notification.kind === 'N' && !reported.has(subscriber)) {
      reported.add(subscriber);
      values++;
    }
    hook?.(notification, subscriber);
  };
  const property = { configurable: true, enumerable: true };
  Object.defineProperty(config, 'onStoppedNotification', {
    ...property,
    get: () => (isLate() ? watching : hook),
    set: (other: typeof hook) => {
      hook = other;
    },
  });
  restored.add(() => {
    Object.defineProperty(config, 'onStoppedNotification', { ...property, value: hook, writable: true });
  });
  const leak = {
    what: 'a source that still emits values',
    fix: 'Stop it in the teardown: new Observable((subscriber) => { …; return () => stop(); }).',
  };
  return { leaks: () => (values === 0 ? [] : [leak]) };
}
