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
  take,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { background, CanceledError, fromAbortable } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

describe('fromAbortable', () => {
  expectNoUnhandledRejections();

  const boom = new Error('boom');

  /** Asks for what never comes, and shows the signal. */
  function endless(): { readonly ask: (signal: AbortSignal) => Promise<never>; readonly signals: AbortSignal[] } {
    const signals: AbortSignal[] = [];
    return {
      signals,
      ask: (signal) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    };
  }

  describe('answers', () => {
    it('emits what the promise resolves to, and completes', async () => {
      expect(await lastValueFrom(fromAbortable(background, () => Promise.resolve('Alice')))).to.equal('Alice');
    });

    it('emits undefined, where that is the answer', async () => {
      const nothing: Promise<unknown> = Promise.resolve(undefined);
      expect(await lastValueFrom(fromAbortable(background, () => nothing))).to.equal(undefined);
    });

    it('takes anything that has a `then`', async () => {
      const promise = Promise.resolve('Alice');
      const thenable: PromiseLike<string> = { then: promise.then.bind(promise) };
      expect(await lastValueFrom(fromAbortable(background, () => thenable))).to.equal('Alice');
    });

    it("emits an Observable's last value when it completes", () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('                                    --a-b--|');
        expectObservable(fromAbortable(background, () => source)).toBe('-------(b|)');
        expectSubscriptions(source.subscriptions).toBe('         ^------!');
      });
    });

    it('completes without a value where the Observable does', async () => {
      const empty = fromAbortable(background, () => EMPTY);
      expect(await lastValueFrom(empty, { defaultValue: 'nothing' })).to.equal('nothing');
    });

    it('asks once for each subscription, and not before, with a signal each', () => {
      const { ask, signals } = endless();
      const source = fromAbortable(background, ask);
      expect(signals).to.have.length(0);
      const [first, second] = [source.subscribe(), source.subscribe()];
      expect(signals).to.have.length(2);
      first.unsubscribe();
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, false]);
      second.unsubscribe();
    });

    it('does not abort after the answer, though the subscriber goes on the value', async () => {
      let given: AbortSignal | undefined;
      const source = fromAbortable(background, (signal) => {
        given = signal;
        return Promise.resolve('Alice');
      });
      expect(await firstValueFrom(source)).to.equal('Alice');
      expect(await lastValueFrom(source.pipe(take(1)))).to.equal('Alice');
      expect(given).to.have.property('aborted', false);
    });

    it('has the type of the answer', () => {
      expectTypeOf(fromAbortable(background, () => Promise.resolve(1))).toEqualTypeOf<Observable<number>>();
      expectTypeOf(fromAbortable(background, () => of('a'))).toEqualTypeOf<Observable<string>>();
    });
  });

  describe('failures', () => {
    it('errors with what the promise rejects with, which is the reason of the signal', async () => {
      let given: AbortSignal | undefined;
      const source = fromAbortable(background, (signal) => {
        given = signal;
        return Promise.reject(boom);
      });
      expect(await failureOf(source, Error)).to.equal(boom);
      expect(given?.reason).to.equal(boom);
    });

    it('errors with what `ask` throws', async () => {
      const source = fromAbortable(background, () => {
        throw boom;
      });
      expect(await failureOf(source, Error)).to.equal(boom);
    });

    it('errors with what the Observable errors with, at once', () => {
      const seen: unknown[] = [];
      fromAbortable(background, () => throwError(() => boom)).subscribe({ error: (error) => seen.push(error) });
      expect(seen).to.deep.equal([boom]);
    });

    for (const [name, value] of [
      ['a string', 'Alice'],
      ['undefined', undefined],
      ['an instance of Array', ['Alice']],
    ] as const) {
      it(`errors with a TypeError that says what to do where it gets ${name}`, async () => {
        const error = await failureOf(
          fromAbortable(background, () => value as never),
          TypeError,
        );
        expect(error.message).to.equal(`expected an Observable or a promise, got ${name}: wrap it in of(...) or fromAbortable(...)`);
      });
    }

    it('refuses what is no context, and asks nothing', async () => {
      const { ask, signals } = endless();
      for (const [ctx, type] of [
        [undefined, TypeError],
        [{ signal: new AbortController() }, TypeError],
        [{ deadline: NaN }, RangeError],
      ] as const) {
        await failureOf(fromAbortable(ctx as never, ask), type);
      }
      expect(signals).to.have.length(0);
    });
  });

  describe('canceling', () => {
    it('aborts on unsubscribe, with a CanceledError without a cause, and notifies nobody', () => {
      const { ask, signals } = endless();
      const seen: unknown[] = [];
      const subscription = fromAbortable(background, ask).subscribe({
        error: (error) => seen.push(error),
        complete: () => seen.push('complete'),
      });
      subscription.unsubscribe();
      expect(signals[0]?.reason).to.be.instanceOf(CanceledError).and.not.to.have.property('cause');
      expect(seen).to.deep.equal([]);
    });

    it('sends nothing to who has unsubscribed, not even to be dropped', async () => {
      const dropped: unknown[] = [];
      config.onStoppedNotification = (notification) => dropped.push(notification);
      try {
        fromAbortable(background, endless().ask).subscribe().unsubscribe();
        await firstValueFrom(timer(0)); // RxJS tells of it in a task of its own
      } finally {
        config.onStoppedNotification = null;
      }
      expect(dropped).to.deep.equal([]);
    });

    for (const reason of [boom, 'the user left', null, 0]) {
      it(`errors with CanceledError when ctx.signal aborts: its cause is the very reason, ${String(reason)}`, () => {
        const controller = new AbortController();
        const { ask, signals } = endless();
        const errors: unknown[] = [];
        fromAbortable({ signal: controller.signal }, ask).subscribe({ error: (error) => errors.push(error) });
        controller.abort(reason);
        expect(errors).to.have.length(1);
        expect(errors[0]).to.be.instanceOf(CanceledError).with.property('cause', reason);
        expect(signals[0]?.reason).to.equal(errors[0]);
      });
    }

    it('asks nothing where ctx.signal has aborted already, and says so at once', () => {
      const { ask, signals } = endless();
      const errors: unknown[] = [];
      const ctx = { signal: AbortSignal.abort('the user left') };
      fromAbortable(ctx, ask).subscribe({ error: (error) => errors.push(error) });
      expect(errors[0]).to.be.instanceOf(CanceledError).with.property('cause', 'the user left');
      expect(signals).to.have.length(0);
    });

    it('tears down in the frame of the abort', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const controller = new AbortController();
        timer(3).subscribe(() => {
          controller.abort('the user left');
        });
        const source = cold('                            --a-b--|');
        const answer = fromAbortable({ signal: controller.signal }, () => source);
        expectObservable(answer).toBe('                  ---#', {}, new CanceledError({ cause: 'the user left' }));
        expectSubscriptions(source.subscriptions).toBe(' ^--!');
      });
    });

    it('tears down, aborts, and then notifies', () => {
      const controller = new AbortController();
      const log: string[] = [];
      fromAbortable({ signal: controller.signal }, (signal) => {
        signal.addEventListener('abort', () => log.push('aborted'));
        return NEVER.pipe(finalize(() => log.push('torn down')));
      }).subscribe({ error: () => log.push('notified') });
      controller.abort();
      expect(log).to.deep.equal(['torn down', 'aborted', 'notified']);
    });

    it('notifies once, though the abort makes the promise reject', async () => {
      const controller = new AbortController();
      const seen: unknown[] = [];
      fromAbortable(
        { signal: controller.signal },
        (signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reject(boom);
            });
          }),
      ).subscribe({ error: (error) => seen.push(error) });
      controller.abort();
      await firstValueFrom(timer(0));
      expect(seen).to.have.length(1);
      expect(seen[0]).to.be.instanceOf(CanceledError);
    });

    it('is silent where the promise rejects after the end', async () => {
      let reject: (error: Error) => void = () => undefined;
      fromAbortable(background, () => new Promise((_resolve, refuse) => (reject = refuse)))
        .subscribe({ error: () => expect.fail('an error after the end') })
        .unsubscribe();
      reject(boom);
      await firstValueFrom(timer(0));
    });

    it('subscribes to nothing where `ask` itself ends it, and leaves no promise alone', async () => {
      const controller = new AbortController();
      const ctx = { signal: controller.signal };
      const log: string[] = [];
      const observable = fromAbortable(ctx, () => {
        controller.abort();
        return new Observable(() => {
          log.push('started');
        });
      });
      await failureOf(observable, CanceledError);
      const another = new AbortController();
      const promise = fromAbortable({ signal: another.signal }, () => {
        another.abort();
        return Promise.reject(boom);
      });
      await failureOf(promise, CanceledError);
      expect(log).to.deep.equal([]);
    });

    it('ends a synchronous source that would never end', () => {
      const controller = new AbortController();
      const errors: unknown[] = [];
      let count = 0;
      const numbers = range(0, 1_000_000).pipe(
        tap((index) => {
          count++;
          if (index === 5) controller.abort('enough');
        }),
      );
      fromAbortable({ signal: controller.signal }, () => numbers).subscribe({ error: (error) => errors.push(error) });
      expect(count).to.equal(6);
      expect(errors[0]).to.be.instanceOf(CanceledError).with.property('cause', 'enough');
    });

    it('leaves no listener on ctx.signal, after success, error and unsubscribe', async () => {
      const { signal } = new AbortController();
      let listeners = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (type: string, listener: EventListener) => {
        listeners++;
        add(type, listener);
      };
      signal.removeEventListener = (type: string, listener: EventListener) => {
        listeners--;
        remove(type, listener);
      };
      const subscription = fromAbortable({ signal }, () => NEVER).subscribe();
      expect(listeners).to.equal(1);
      await lastValueFrom(fromAbortable({ signal }, () => Promise.resolve(1)));
      await failureOf(
        fromAbortable({ signal }, () => Promise.reject(boom)),
        Error,
      );
      expect(listeners).to.equal(1);
      subscription.unsubscribe();
      expect(listeners).to.equal(0);
    });
  });

  describe('a teardown that throws', () => {
    const reported: unknown[] = [];
    before(() => {
      config.onUnhandledError = (error) => reported.push(error);
    });
    after(() => {
      config.onUnhandledError = null;
    });
    const torn = (source: Observable<string>): Observable<string> =>
      new Observable((subscriber) => {
        subscriber.add(source.subscribe(subscriber));
        return () => {
          throw boom;
        };
      });

    it('changes no outcome: the answer', async () => {
      expect(await lastValueFrom(fromAbortable(background, () => torn(of('Alice'))))).to.equal('Alice');
    });

    it('changes no outcome: the error', async () => {
      const other = new TypeError('the service failed');
      const source = fromAbortable(background, () => torn(throwError(() => other)));
      expect(await failureOf(source, Error)).to.equal(other);
    });

    it('changes no outcome: the abort', () => {
      const controller = new AbortController();
      const errors: unknown[] = [];
      let given: AbortSignal | undefined;
      fromAbortable({ signal: controller.signal }, (signal) => {
        given = signal;
        return torn(NEVER);
      }).subscribe({ error: (error) => errors.push(error) });
      controller.abort('the user left');
      expect(errors[0]).to.be.instanceOf(CanceledError).with.property('cause', 'the user left');
      expect(given?.reason).to.equal(errors[0]);
    });

    it('of the subscriber`s is reported as RxJS reports it: no promise is rejected by it', async () => {
      const other = new TypeError('the service failed');
      for (const [ask, answer] of [
        [() => Promise.resolve('Alice'), 'Alice'],
        [() => Promise.reject(other), other],
      ] as const) {
        reported.length = 0;
        const seen = await new Promise<unknown>((resolve) => {
          const subscription = fromAbortable<string>(background, ask).subscribe({ next: resolve, error: resolve });
          subscription.add(() => {
            throw boom;
          });
        });
        await firstValueFrom(timer(0));
        expect(seen).to.equal(answer);
        expect(reported).to.have.length(1).and.to.have.nested.property('[0].errors').that.deep.equals([boom]);
      }
    });

    it('throws at who unsubscribes, as RxJS does, after the signal has aborted', () => {
      let given: AbortSignal | undefined;
      const subscription = fromAbortable(background, (signal) => {
        given = signal;
        return torn(NEVER);
      }).subscribe();
      expect(() => {
        subscription.unsubscribe();
      }).to.throw(/boom/);
      expect(given?.reason).to.be.instanceOf(CanceledError);
    });
  });
});
