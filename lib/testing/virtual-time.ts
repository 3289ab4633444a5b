import { TestScheduler } from 'rxjs/testing';

/** Whether RxJS's clock is virtual right now: inside `marbles`, and inside any `TestScheduler.run`. */
export function isVirtual(): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- only that of the class below it is
  return TestScheduler.frameTimeFactor === 1;
}
