import { expect } from 'chai';
import { lastValueFrom, type Observable } from 'rxjs';

/** Resolves with the error that `source` ends with, and sees to its class. */
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
