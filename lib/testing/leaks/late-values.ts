import { config, type Subscription } from 'rxjs';
import type { Watcher } from './leak.ts';

/** The subscribers whose late values were reported. Their sources may still emit while the next service is tested. */
const reported = new WeakSet();

/**
 * Watches values that a source emits after the end.
 *
 * RxJS drops such a value, and calls `onStoppedNotification` a task later. It reads that hook when it drops the value, so a getter
 * decides there whether the value is late. During the call stack of the end it is not: a synchronous loop may emit once more.
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
