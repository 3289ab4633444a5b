import { type AnyFunction, type Watcher, wrapped } from './leak.ts';

/** Watches the platform's timers, which RxJS uses too. */
export function watchTimers(replace: (name: string, wrap: (real: AnyFunction) => AnyFunction) => void): Watcher {
  /** The milliseconds of each running timer, by its handle. */
  const running = new Map<unknown, number>();
  for (const clear of ['clearTimeout', 'clearInterval']) {
    replace(clear, (real) =>
      wrapped(real, (handle) => {
        running.delete(handle);
        return real(handle);
      }),
    );
  }
  for (const set of ['setTimeout', 'setInterval']) {
    replace(set, (real) =>
      wrapped(real, (callback, ms, ...rest) => {
        const call = (...args: unknown[]): unknown => {
          if (set === 'setTimeout') running.delete(handle);
          return (callback as AnyFunction)(...args);
        };
        const handle: unknown = real(call, ms, ...rest);
        // A timeout of 0 ms ends by itself. RxJS sets one to report a notification that came too late.
        if (set === 'setInterval' || ms) running.set(handle, Number(ms ?? 0));
        return handle;
      }),
    );
  }
  return {
    leaks: () =>
      [...running]
        .filter(([handle]) => keepsProcessAlive(handle))
        .map(([, ms]) => ({
          what: `a timer of ${String(ms)} ms`,
          fix: "Clear it in the teardown, or use RxJS's timer or interval and unsubscribe from it.",
        })),
  };
}

/** Jest, Vitest and Sinon put a `clock` on the timers that they fake. */
export function timersAreFaked(): boolean {
  return Object.hasOwn(Reflect.get(globalThis, 'setTimeout') as AnyFunction, 'clock');
}

/** Node's own timers, such as those of its `fetch`, are unref'd. A timer may also be cleared by its number, or by `close`. */
function keepsProcessAlive(handle: unknown): boolean {
  const { hasRef, _destroyed } = handle as { hasRef?: () => boolean; _destroyed?: boolean };
  return _destroyed !== true && hasRef?.call(handle) !== false;
}
