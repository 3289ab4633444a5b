import { TestScheduler } from 'rxjs/testing';

/** Says whether RxJS's clock is virtual now, as it is inside `marbles` and inside any `TestScheduler.run`. */
export function isVirtual(): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- only the same field of its base class is deprecated
  return TestScheduler.frameTimeFactor === 1;
}
