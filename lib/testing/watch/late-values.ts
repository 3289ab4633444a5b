import { config, type Subscription } from 'rxjs';
import type { Watched } from './watched.ts';

/** Who has been sent a value too late: whatever goes on with that is no leak of a service that is asked after it. */
const blamed = new WeakSet();

/**
 * Values that are sent to who has gone. RxJS drops them and tells nobody but its hook, a task later; that it looks for the
 * hook is when it drops one. What is sent in the stack of the end does not count: a loop that emits once more is no leak.
 */
export function watchValues(gone: () => boolean, replaced: Subscription): Watched {
  let hook = config.onStoppedNotification;
  let values = 0;
  const watching: typeof hook = (notification, subscriber) => {
    // An error is how a promise ends that was aborted.
    if (notification.kind === 'N' && !blamed.has(subscriber)) {
      blamed.add(subscriber);
      values++;
    }
    hook?.(notification, subscriber);
  };
  const property = { configurable: true, enumerable: true };
  Object.defineProperty(config, 'onStoppedNotification', {
    ...property,
    get: () => (gone() ? watching : hook),
    set: (other: typeof hook) => {
      hook = other;
    },
  });
  replaced.add(() => {
    Object.defineProperty(config, 'onStoppedNotification', { ...property, value: hook, writable: true });
  });
  const leak = {
    what: 'something that still emits values',
    fix: 'Stop it in the teardown: new Observable((subscriber) => { …; return () => stop(); })',
  };
  return { leaks: () => (values === 0 ? [] : [leak]) };
}
