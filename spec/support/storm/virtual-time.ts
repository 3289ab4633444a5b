// RxJS's `TestScheduler` sorts all timers when one is added, which is too slow for hundreds of thousands of timers. This clock has a
// list of timers for each millisecond.

interface Timer {
  /** `undefined` if the timer was cleared. */
  callback: (() => void) | undefined;
  /** Milliseconds. */
  readonly delay: number;
}

/**
 * Runs `ms` milliseconds of virtual time, which starts at 0, and calls `tick` in each millisecond, after its timers.
 *
 * Meanwhile, the clock and the timers of RxJS's `asyncScheduler` are virtual. As in Node, a delay is at least a millisecond.
 */
export function inVirtualTime(ms: number, tick: (now: number) => void): void {
  const { setInterval, clearInterval } = globalThis;
  const systemTime = Date.now.bind(Date);
  const due: (Timer[] | undefined)[] = [];
  let now = 0;
  const add = (timer: Timer): void => {
    const at = now + timer.delay;
    if (at < ms) (due[at] ??= []).push(timer);
  };
  const setVirtual = (callback: () => void, delay = 0): Timer => {
    const timer = { callback, delay: Math.max(1, Math.round(delay)) };
    add(timer);
    return timer;
  };
  const clearVirtual = (timer?: Timer): void => {
    if (timer) timer.callback = undefined;
  };
  Object.assign(globalThis, { setInterval: setVirtual, clearInterval: clearVirtual });
  Date.now = () => now;
  try {
    for (; now < ms; now++) {
      for (const timer of due[now] ?? []) {
        timer.callback?.();
        if (timer.callback) add(timer);
      }
      due[now] = undefined;
      tick(now);
    }
  } finally {
    Object.assign(globalThis, { setInterval, clearInterval });
    Date.now = systemTime;
  }
}
