import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import {
  config,
  EMPTY,
  finalize,
  firstValueFrom,
  lastValueFrom,
  NEVER,
  Observable,
  of,
  range,
  Subject,
  take,
  tap,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import {
  aggregate,
  background,
  CanceledError,
  type Context,
  fromAbortable,
  type RunEvent,
  withEvents,
} from '../../lib/index.ts';
import { expectNoLeaks, marbles } from '../../lib/testing/index.ts';
import { errorOf, failureOf, notificationsOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { boom } from '../support/services.ts';
import { nextTask } from '../support/tasks.ts';

describe('fromAbortable', () => {
  expectNoUnhandledRejections();

  /** Returns a promise that never settles, and keeps the signal. */
  function pending(): { readonly start: (signal: AbortSignal) => Promise<never>; readonly signals: AbortSignal[] } {
    const signals: AbortSignal[] = [];
    return {
      signals,
      start: (signal) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    };
  }

  describe('when its source succeeds', () => {
    const promise = Promise.resolve<unknown>('Alice');
    const twice = {
      then: (resolve: (value: unknown) => void) => {
        resolve(Promise.resolve('Alice'));
        resolve('Bob');
      },
    } as PromiseLike<unknown>;
    for (const [what, source, value] of [
      ['the value of a promise', promise, 'Alice'],
      ['undefined, if that is the value', Promise.resolve<unknown>(undefined), undefined],
      ['the value of an object with `then`', { then: promise.then.bind(promise) } as PromiseLike<unknown>, 'Alice'],
      ['the first value that a foreign promise resolves to in the end', twice, 'Alice'],
    ] as const) {
      it(`emits ${what}, and completes`, async () => {
        expect(await lastValueFrom(fromAbortable(background, () => source).pipe(toArray()))).to.deep.equal([value]);
      });
    }

    it('emits the last value of an Observable when that completes', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('                                    --a-b--|');
        expectObservable(fromAbortable(background, () => source)).toBe('-------(b|)');
        expectSubscriptions(source.subscriptions).toBe('         ^------!');
      });
    });

    it('emits the value of an Observable that has a `then` too', () => {
      const both = Object.assign(of('Alice'), { then: () => undefined as never });
      expect(notificationsOf(fromAbortable(background, () => both))).to.deep.equal(['Alice', 'complete']);
    });

    it('emits nothing for an Observable without a value, and completes', () => {
      expect(notificationsOf(fromAbortable(background, () => EMPTY))).to.deep.equal(['complete']);
    });

    it("emits its value under RxJS's deprecated context of `next` too", () => {
      Object.assign(config, { useDeprecatedNextContext: true }); // which RxJS has until version 8
      try {
        const run = aggregate({ one: (ctx) => fromAbortable(ctx, () => of(1)) })(background);
        expect(notificationsOf(run)).to.deep.equal([{ one: 1 }, 'complete']);
      } finally {
        Object.assign(config, { useDeprecatedNextContext: false });
      }
    });

    it('infers the type of the value', () => {
      expectTypeOf(fromAbortable(background, () => Promise.resolve(1))).toEqualTypeOf<Observable<number>>();
      expectTypeOf(fromAbortable(background, () => of('a'))).toEqualTypeOf<Observable<string>>();
    });
  });

  it('calls `start` once for each subscription, and not before, with a signal each', () => {
    const { start, signals } = pending();
    const source = fromAbortable(background, start);
    expect(signals).to.have.length(0);
    const [first, second] = [source.subscribe(), source.subscribe()];
    expect(signals).to.have.length(2);
    first.unsubscribe();
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, false]);
    second.unsubscribe();
  });

  it('does not abort its signal after it has emitted, even if the subscriber unsubscribes on the value', async () => {
    const signals: AbortSignal[] = [];
    const source = fromAbortable(background, (signal) => {
      signals.push(signal);
      return Promise.resolve('Alice');
    });
    expect(await firstValueFrom(source)).to.equal('Alice');
    expect(await lastValueFrom(source.pipe(take(1)))).to.equal('Alice');
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false, false]);
  });

  it('leaves nothing behind, however it ends', async () => {
    await expectNoLeaks((ctx) => fromAbortable(ctx, () => timer(1)), {
      fails: (ctx) => fromAbortable(ctx, () => Promise.reject(boom)),
    });
  });

  describe('when its source fails', () => {
    const failures: Readonly<Record<string, () => Observable<never> | Promise<never>>> = {
      'the promise rejects': () => Promise.reject(boom),
      'the Observable errors': () => throwError(() => boom),
      '`start` throws': () => {
        throw boom;
      },
    };
    for (const [when, start] of Object.entries(failures)) {
      it(`sends the very error, which is the reason of its signal, when ${when}`, async () => {
        let given: AbortSignal | undefined;
        const source = fromAbortable(background, (signal) => {
          given = signal;
          return start();
        });
        expect(await failureOf(source, Error)).to.equal(boom);
        expect(given?.reason).to.equal(boom);
      });
    }

    it('sends the error of an Observable synchronously', () => {
      expect(errorOf(fromAbortable(background, () => throwError(() => boom)))).to.equal(boom);
    });
  });

  describe('when it is canceled', () => {
    it('aborts with a CanceledError without a cause on unsubscribing, and sends no notification', async () => {
      const dropped: unknown[] = [];
      config.onStoppedNotification = (notification) => dropped.push(notification);
      try {
        const { start, signals } = pending();
        const notifications: unknown[] = [];
        const subscription = fromAbortable(background, start).subscribe({
          error: (error) => notifications.push(error),
          complete: () => notifications.push('complete'),
        });
        subscription.unsubscribe();
        expect(signals[0]?.reason).to.be.instanceOf(CanceledError).and.not.to.have.property('cause');
        expect(notifications).to.deep.equal([]);
        await nextTask();
      } finally {
        config.onStoppedNotification = null;
      }
      expect(dropped, 'none is dropped either').to.deep.equal([]);
    });

    it('tears down, aborts, and then notifies with the very reason, when ctx.signal aborts', () => {
      const controller = new AbortController();
      const log: unknown[] = [];
      let given: AbortSignal | undefined;
      fromAbortable({ signal: controller.signal }, (signal) => {
        given = signal;
        signal.addEventListener('abort', () => log.push('aborted'));
        return NEVER.pipe(finalize(() => log.push('torn down')));
      }).subscribe({ error: (error) => log.push(error) });
      controller.abort('bye');
      expect(log).to.deep.equal(['torn down', 'aborted', given?.reason]);
      expect(log[2]).to.be.instanceOf(CanceledError).with.property('cause', 'bye');
    });

    it('calls nothing and errors synchronously, when ctx.signal has aborted before', () => {
      const { start, signals } = pending();
      const error = errorOf(fromAbortable({ signal: AbortSignal.abort('bye') }, start));
      expect(error).to.be.instanceOf(CanceledError).with.property('cause', 'bye');
      expect(signals).to.have.length(0);
    });

    it('unsubscribes from its source in the frame of the abort', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const controller = new AbortController();
        timer(3).subscribe(() => {
          controller.abort('bye');
        });
        const source = cold('                            --a-b--|');
        const answer = fromAbortable({ signal: controller.signal }, () => source);
        expectObservable(answer).toBe('                  ---#', {}, new CanceledError({ cause: 'bye' }));
        expectSubscriptions(source.subscriptions).toBe(' ^--!');
      });
    });

    it('errors once when the abort makes the promise reject', async () => {
      const controller = new AbortController();
      const errors: unknown[] = [];
      fromAbortable(
        { signal: controller.signal },
        (signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reject(boom);
            });
          }),
      ).subscribe({ error: (error) => errors.push(error) });
      controller.abort();
      await nextTask();
      expect(errors).to.have.length(1);
      expect(errors[0]).to.be.instanceOf(CanceledError);
    });

    it('leaves no rejection unhandled when the promise rejects after the end', async () => {
      let reject: (error: Error) => void = () => undefined;
      fromAbortable(background, () => new Promise((_resolve, fail) => (reject = fail)))
        .subscribe({ error: () => expect.fail('an error after the end') })
        .unsubscribe();
      reject(boom);
      await nextTask();
    });

    it('neither subscribes to the Observable nor leaves the promise unhandled, when `start` itself aborts', async () => {
      let started = false;
      for (const source of [new Observable<never>(() => void (started = true)), Promise.reject(boom)]) {
        const controller = new AbortController();
        const canceled = fromAbortable<never>({ signal: controller.signal }, () => {
          controller.abort();
          return source;
        });
        await failureOf(canceled, CanceledError);
      }
      expect(started).to.equal(false);
    });

    it('ends a source that emits without end while it is subscribed to', () => {
      const controller = new AbortController();
      let count = 0;
      const numbers = range(0, 1_000_000).pipe(
        tap((index) => {
          count++;
          if (index === 5) controller.abort('enough');
        }),
      );
      const error = errorOf(fromAbortable({ signal: controller.signal }, () => numbers));
      expect(error).to.be.instanceOf(CanceledError).with.property('cause', 'enough');
      expect(count).to.equal(6);
    });
  });

  describe('with a teardown that throws', () => {
    const reported: unknown[] = [];
    beforeEach(() => {
      reported.length = 0;
      config.onUnhandledError = (error) => reported.push(error);
    });
    afterEach(() => {
      config.onUnhandledError = null;
    });
    const tearing = (source: Observable<string>): Observable<string> =>
      new Observable((subscriber) => {
        subscriber.add(source.subscribe(subscriber));
        return () => {
          throw boom;
        };
      });
    const other = new TypeError('the service failed');

    for (const [outcome, source] of [
      ['value', of('Alice')],
      ['error', throwError(() => other)],
    ] as const) {
      it(`changes no ${outcome}, and reports it as RxJS does`, async () => {
        const [first] = notificationsOf(fromAbortable(background, () => tearing(source)));
        expect(first).to.equal(outcome === 'value' ? 'Alice' : other);
        await nextTask();
        expect(reported).to.have.length(1);
      });
    }

    it('changes no cancellation, and reports it as RxJS does', async () => {
      const controller = new AbortController();
      const errors: unknown[] = [];
      let given: AbortSignal | undefined;
      fromAbortable({ signal: controller.signal }, (signal) => {
        given = signal;
        return tearing(NEVER);
      }).subscribe({ error: (error) => errors.push(error) });
      controller.abort('bye');
      expect(errors[0]).to.be.instanceOf(CanceledError).with.property('cause', 'bye');
      expect(given?.reason).to.equal(errors[0]);
      await nextTask();
      expect(reported).to.have.length(1);
    });

    it('throws at the caller of `unsubscribe`, as RxJS does, after its signal has aborted', () => {
      let given: AbortSignal | undefined;
      const subscription = fromAbortable(background, (signal) => {
        given = signal;
        return tearing(NEVER);
      }).subscribe();
      expect(() => {
        subscription.unsubscribe();
      }).to.throw(/boom/);
      expect(given?.reason).to.be.instanceOf(CanceledError);
    });

    it('reports it as RxJS does when it is of the subscriber, without an unhandled rejection', async () => {
      for (const [start, expected] of [
        [() => Promise.resolve('Alice'), 'Alice'],
        [() => Promise.reject(other), other],
      ] as const) {
        reported.length = 0;
        const outcome = await new Promise<unknown>((resolve) => {
          const subscription = fromAbortable<string>(background, start).subscribe({ next: resolve, error: resolve });
          subscription.add(() => {
            throw boom;
          });
        });
        await nextTask();
        expect(outcome).to.equal(expected);
        expect(reported).to.have.length(1).and.to.have.nested.property('[0].errors').that.deep.equals([boom]);
      }
    });

    it('reports it when it is of the subscriber and the signal has aborted before', async () => {
      const canceled = fromAbortable({ signal: AbortSignal.abort() }, () => of(1));
      new Observable((subscriber) => {
        subscriber.add(() => {
          throw boom;
        });
        return canceled.subscribe(subscriber);
      }).subscribe({ error: () => undefined });
      await nextTask();
      expect(reported).to.have.length(1);
    });

    it('reports it to its run, also after the run has ended', async () => {
      const log: unknown[] = [];
      const next = (event: RunEvent): void => {
        if (event.type === 'teardown-failed') log.push(event.service, event.error);
      };
      const done = new Subject<void>();
      const detached = (ctx: Context): Observable<number> => {
        const source = new Observable<void>((subscriber) => {
          subscriber.add(() => {
            throw boom;
          });
          return done.subscribe(subscriber);
        });
        fromAbortable({ ...ctx, signal: undefined }, () => source).subscribe({ error: () => undefined });
        return of(1);
      };
      aggregate({ detached }, withEvents({ next }))(background).subscribe();
      done.complete();
      await nextTask();
      expect(log).to.deep.equal(['detached', boom]);
      expect(reported).to.deep.equal([]);
    });
  });

  it('fails with a TypeError without a function to call', () => {
    const error = errorOf(fromAbortable(background, undefined as never));
    expect(error).to.be.instanceOf(TypeError);
    const message = 'fromAbortable: start: expected a function, got undefined: pass (signal) => a promise';
    expect(error).to.include({ message });
  });

  it('fails with the reason of a signal that its service has made', () => {
    const own = new AbortController();
    const page = aggregate({
      slow: (ctx) => fromAbortable({ ...ctx, signal: own.signal }, () => NEVER),
      abort: () => {
        own.abort(boom);
        return NEVER;
      },
    });
    expect(errorOf(page(background))).to.include({ service: 'slow', cause: boom });
  });
});
