import { expect } from 'chai';
import { catchError, NEVER, of, throwError } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  background,
  DeadlineExceededError,
  ServiceError,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { errorOf } from '../support/failure.ts';
import { boom, fails } from '../support/services.ts';

describe('the error of a run', () => {
  it('has the service, the time since the start, and the cause', () => {
    marbles(({ cold, expectObservable }) => {
      const run = aggregate({ profile: () => cold('---#', undefined, boom), orders: () => NEVER })(background);
      const fields = run.pipe(
        catchError((error: ServiceError) => of([error.service, error.elapsed, error.cause, error.message])),
      );
      expectObservable(fields).toBe('---(e|)', { e: ['profile', 3, boom, 'profile: boom'] });
    });
  });

  for (const [name, run] of [
    ['orders', aggregate({ orders: fails })(background)],
    ['__proto__', aggregate({ ['__proto__']: fails })(background)],
    ['[1]', aggregate([() => of(1), fails])(background)],
    ['[1]', aggregateEach((_ctx, ok: boolean) => (ok ? of(1) : fails()))(background, [true, false])],
    ['orders', aggregateLatest({ orders: fails })(background)],
  ] as const) {
    it(`names the service by its key: ${name}`, () => {
      expect(errorOf(run)).to.be.instanceOf(ServiceError).and.include({ service: name, cause: boom });
    });
  }

  for (const cause of [undefined, null, 0, 'down', { status: 500 }]) {
    it(`keeps the cause as it is: ${JSON.stringify(cause)}`, () => {
      expect(errorOf(aggregate({ a: () => throwError(() => cause) })(background)))
        .to.be.instanceOf(ServiceError)
        .and.have.property('cause', cause);
    });
  }

  it('names the pending services when the deadline passes, and no other', () => {
    marbles(({ flush }) => {
      let error: unknown;
      aggregate(
        [() => of(1), () => NEVER, () => NEVER],
        withTimeout(7),
      )(background).subscribe({ error: (received: unknown) => (error = received) });
      flush();
      expect(error)
        .to.be.instanceOf(DeadlineExceededError)
        .and.deep.include({ pending: ['[1]', '[2]'], elapsed: 7 });
      expect((error as Error).message).to.match(/^context deadline exceeded/);
    });
  });
});
