import { Subscription } from 'rxjs';
import type { Fetch } from '../core/context.ts';
import { watchValues } from './watch/late-values.ts';
import { watchListeners } from './watch/listeners.ts';
import { watchRequests, type Wire } from './watch/requests.ts';
import { watchTimers } from './watch/timers.ts';
import type { AnyFunction, Leak } from './watch/watched.ts';

/** What one run of a service does to the world, seen from outside. */
export interface LeakWatch {
  readonly signal: AbortSignal;
  readonly abort: () => void;
  readonly fetch: (transport: Fetch) => Fetch;
  /** Whether any request was made. */
  readonly asked: () => boolean;
  /** From now on, whatever starts is too late. */
  readonly over: () => void;
  readonly leaks: () => readonly Leak[];
  /** Puts the globals back. */
  readonly stop: () => void;
}

/** Watches until `stop` is called, and sees whatever else goes on at that time. */
export function watchLeaks(wire: Wire): LeakWatch {
  const controller = new AbortController();
  const { signal } = controller;
  let over = false;
  let gone = false;
  const late = (): string | undefined => {
    if (signal.aborted) return 'though ctx.signal had aborted';
    return over ? 'after it was over' : undefined;
  };
  const replaced = new Subscription();
  const replace = (name: string, wrap: (real: AnyFunction) => AnyFunction): void => {
    const real: unknown = Reflect.get(globalThis, name);
    if (typeof real !== 'function') return;
    Reflect.set(globalThis, name, wrap(real as AnyFunction));
    replaced.add(() => {
      Reflect.set(globalThis, name, real);
    });
  };
  const requests = watchRequests(wire, late);
  replace('fetch', requests.watch);
  const watched = [watchListeners(signal), requests, watchTimers(replace), watchValues(() => gone, replaced)];
  return {
    signal,
    abort: () => {
      controller.abort();
    },
    fetch: (transport) => requests.watch(transport as AnyFunction) as Fetch,
    asked: requests.asked,
    over: () => {
      over = true;
      void Promise.resolve().then(() => (gone = true));
    },
    leaks: () => watched.flatMap(({ leaks }) => leaks()),
    stop: () => {
      replaced.unsubscribe();
    },
  };
}
