import { asyncScheduler } from 'rxjs';

/**
 * Makes each wait of half a second or more end at once while `action` runs, and resolves with these waits in milliseconds. Shorter
 * timers are not changed.
 */
export async function waitsOf(action: () => Promise<unknown>): Promise<number[]> {
  const waits: number[] = [];
  const schedule = asyncScheduler.schedule.bind(asyncScheduler);
  asyncScheduler.schedule = (work, delay = 0, state) => {
    if (delay >= 500) waits.push(delay);
    return schedule(work, delay >= 500 ? 0 : delay, state);
  };
  try {
    await action();
  } finally {
    Reflect.deleteProperty(asyncScheduler, 'schedule');
  }
  return waits;
}
