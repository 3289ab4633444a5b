import { expect } from 'chai';
import { EMPTY, EmptyError, lastValueFrom, type Observable, type Observer, of, throwError } from 'rxjs';
import { aggregate, background, fromAbortable, type Service, ServiceError } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { errorOf, failureOf, notificationsOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { boom, failed } from '../support/services.ts';

describe('a service', () => {
  expectNoUnhandledRejections();

  /** A run of a service that returns `returned`, whatever its type. */
  const runOf = (returned: unknown): Observable<{ profile: unknown }> =>
    aggregate({ profile: (() => returned) as Service<void, unknown> })(background);
  const causeOf = (returned: unknown): unknown => {
    const error = errorOf(runOf(returned));
    expect(error).to.be.instanceOf(ServiceError).and.have.property('service', 'profile');
    return (error as ServiceError).cause;
  };

  const interop = (key: PropertyKey): unknown => ({ [key]: () => of(1) });
  const foreign = { subscribe: (observer: Observer<number>) => of(1).subscribe(observer), lift: () => foreign };
  for (const [what, returned] of [
    ['an Observable', of(1)],
    ['an Observable of another copy of RxJS', foreign],
    ['an Observable with a `then`', Object.assign(of(1), { then: () => undefined as never })],
    ['an object with the interop symbol', interop((Symbol as { observable?: symbol }).observable ?? '@@observable')],
    ['an object with the key of RxJS without a polyfill', interop('@@observable')],
  ] as const) {
    it(`may return ${what}`, () => {
      expect(notificationsOf(runOf(returned))).to.deep.equal([{ profile: 1 }, 'complete']);
    });
  }

  it('may return an object with the interop symbol of a polyfill that was loaded after RxJS', () => {
    const { observable } = Symbol as { observable?: symbol };
    const polyfilled = Symbol('observable');
    Object.assign(Symbol, { observable: polyfilled });
    try {
      for (const key of [polyfilled, '@@observable']) {
        expect(notificationsOf(runOf(interop(key)))).to.deep.equal([{ profile: 1 }, 'complete']);
      }
    } finally {
      if (observable) Object.assign(Symbol, { observable });
      else Reflect.deleteProperty(Symbol, 'observable');
    }
  });

  it('may return a promise, which may reject', async () => {
    expect(await lastValueFrom(runOf(Promise.resolve(1)))).to.deep.equal({ profile: 1 });
    expect(await failureOf(runOf(Promise.reject(boom)), ServiceError)).to.include({ service: 'profile', cause: boom });
  });

  for (const [what, returned] of [
    ['a string', 'Alice'],
    ['an instance of Array', [1]],
    ['undefined', undefined],
    ['null', null],
    ['5', 5],
    ['an instance of Object', {}],
    ['a function', () => of(1)],
  ] as const) {
    it(`fails with a TypeError that says what to do when it returns ${what}`, () => {
      const message = `expected an Observable or a promise, got ${what}: wrap it in of(...) or fromAbortable(...)`;
      const [inRun, alone] = [causeOf(returned), errorOf(fromAbortable(background, () => returned as never))];
      for (const error of [inRun, alone]) expect(error).to.be.instanceOf(TypeError).and.include({ message });
    });
  }

  it('fails with an error notification when it throws', () => {
    const throwing = (): never => {
      throw boom;
    };
    expect(errorOf(aggregate({ profile: throwing })(background)))
      .to.be.instanceOf(ServiceError)
      .and.include({ service: 'profile', cause: boom, message: 'profile: boom' });
  });

  it('says what to do when it completes without a value', () => {
    const { message } = errorOf(aggregate({ empty: () => EMPTY })(background)) as ServiceError;
    expect(message).to.equal('empty: completed without a value: use defaultIfEmpty(value)');
  });

  it('keeps the message of an error that is only called EmptyError', () => {
    const named = Object.assign(new Error('boom'), { name: 'EmptyError' });
    expect(errorOf(aggregate({ empty: () => throwError(() => named) })(background))).to.include({
      message: 'empty: boom',
      cause: named,
    });
  });

  it('fails with an EmptyError when it completes without a value, and its siblings are torn down', () => {
    expect(causeOf(EMPTY)).to.be.instanceOf(EmptyError);
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const empty = cold('  ---|');
      const sibling = cold('-----x|');
      const run = aggregate({ empty: () => empty, sibling: () => sibling })(background);
      expectObservable(run).toBe('---#', undefined, failed('empty', 3, causeOf(EMPTY)));
      expectSubscriptions(sibling.subscriptions).toBe('^--!');
    });
  });
});
