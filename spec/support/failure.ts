import { expect } from 'chai';
import { lastValueFrom, type Observable } from 'rxjs';

/** Resolves with the error of `source`, and checks its class. */
export async function failureOf<E>(
  source: Observable<unknown>,
  type: abstract new (...args: never[]) => E,
): Promise<E> {
  const outcome = await lastValueFrom(source, { defaultValue: 'nothing' }).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  expect(outcome).to.have.property('error').that.is.instanceOf(type);
  return (outcome as { error: E }).error;
}

/** The notifications that `source` sends synchronously: its values, then its error or `'complete'`. */
export function notificationsOf(source: Observable<unknown>): unknown[] {
  const notifications: unknown[] = [];
  source.subscribe({
    next: (value) => notifications.push(value),
    error: (error: unknown) => notifications.push(error),
    complete: () => notifications.push('complete'),
  });
  return notifications;
}

/** The error of a source that fails synchronously, without a value. */
export function errorOf(source: Observable<unknown>): unknown {
  const notifications = notificationsOf(source);
  expect(notifications).to.have.length(1).and.not.to.include('complete');
  return notifications[0];
}
