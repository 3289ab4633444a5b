import { Subscription } from 'rxjs';
import { allowManyListeners } from '../../core/abort/allow-many-listeners.ts';
import type { Fetch } from '../../index.ts';
import { watchValues } from './late-values.ts';
import type { AnyFunction, Leak } from './leak.ts';
import { watchListeners } from './listeners.ts';
import { type Network, watchRequests } from './requests.ts';
import { watchTimers } from './timers.ts';

/** Watches one subscription to a service from outside. */
export interface LeakWatch {
  readonly signal: AbortSignal;
  readonly abort: () => void;
  readonly fetch: (transport: Fetch) => Fetch;
  /** Says whether the service has sent a request. */
  readonly sent: () => boolean;
  /** Marks the end of the subscription: a request or a value after it is a leak. */
  readonly end: () => void;
  readonly leaks: () => readonly Leak[];
  /** Restores the globals. */
  readonly restore: () => void;
}

/** Replaces `fetch`, the timers and a hook of RxJS until `restore` is called. It cannot see which code uses them. */
export function watchLeaks(network: Network): LeakWatch {
  const controller = new AbortController();
  const { signal } = controller;
  allowManyListeners(signal);
  let ended = false;
  let endedEarlier = false; // false during the call stack of the end
  const late = (): string | undefined => {
    if (signal.aborted) return 'after ctx.signal aborted';
    return ended ? 'after the end' : undefined;
  };
  const restored = new Subscription();
  const replace = (name: string, wrap: (real: AnyFunction) => AnyFunction): void => {
    const real: unknown = Reflect.get(globalThis, name);
    if (typeof real !== 'function') return;
    Reflect.set(globalThis, name, wrap(real as AnyFunction));
    restored.add(() => {
      Reflect.set(globalThis, name, real);
    });
  };
  const requests = watchRequests(network, late);
  replace('fetch', requests.watch);
  const watchers = [watchListeners(signal), requests, watchTimers(replace), watchValues(() => endedEarlier, restored)];
  return {
    signal,
    abort: () => {
      controller.abort();
    },
    fetch: (transport) => requests.watch(transport as AnyFunction) as Fetch,
    sent: requests.sent,
    end: () => {
      ended = true;
      void Promise.resolve().then(() => (endedEarlier = true));
    },
    leaks: () => watchers.flatMap(({ leaks }) => leaks()),
    restore: () => {
      restored.unsubscribe();
    },
  };
}
