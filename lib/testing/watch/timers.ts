import { type AnyFunction, around, type Watched } from './watched.ts';

/** Timers of the platform, and so those of RxJS, which are made of them. */
export function watchTimers(replace: (name: string, wrap: (real: AnyFunction) => AnyFunction) => void): Watched {
  /** The milliseconds of each that runs. */
  const running = new Map<unknown, number>();
  for (const clear of ['clearTimeout', 'clearInterval']) {
    replace(clear, (real) =>
      around(real, (handle) => {
        running.delete(handle);
        return real(handle);
      }),
    );
  }
  for (const set of ['setTimeout', 'setInterval']) {
    replace(set, (real) =>
      around(real, (callback, ms, ...given) => {
        const call = (...args: unknown[]): unknown => {
          if (set === 'setTimeout') running.delete(handle);
          return (callback as AnyFunction)(...args);
        };
        const handle: unknown = real(call, ms, ...given);
        // What is due at once is no timer to speak of; RxJS uses one to tell of what came too late.
        if (set === 'setInterval' || ms) running.set(handle, Number(ms ?? 0));
        return handle;
      }),
    );
  }
  return {
    leaks: () =>
      [...running]
        .filter(([handle]) => holdsProcess(handle))
        .map(([, ms]) => ({
          what: `a timer of ${String(ms)} ms`,
          fix: 'Clear it in the teardown, or make it of timer and interval of RxJS, and unsubscribe from those.',
        })),
  };
}

/** As Jest, Vitest and Sinon mark those that they fake: under them no task would ever come. */
export function timersAreFaked(): boolean {
  return Object.hasOwn(Reflect.get(globalThis, 'setTimeout') as AnyFunction, 'clock');
}

/** Node's own, such as those of its `fetch`, are let go of with `unref`; and one may be cleared by its number or by `close`. */
function holdsProcess(handle: unknown): boolean {
  const { hasRef, _destroyed } = handle as { hasRef?: () => boolean; _destroyed?: boolean };
  return _destroyed !== true && hasRef?.call(handle) !== false;
}
