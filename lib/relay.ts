import type { Observer } from 'rxjs';

/**
 * Hands on what it observes. RxJS may call an observer's methods on a copy (`config.useDeprecatedNextContext`), where one with
 * private fields is not itself.
 */
export class Relay<T> implements Observer<T> {
  private readonly to: Observer<T>;

  constructor(to: Observer<T>) {
    this.to = to;
  }

  next(value: T): void {
    this.to.next(value);
  }

  error(error: unknown): void {
    this.to.error(error);
  }

  complete(): void {
    this.to.complete();
  }
}
