import { expect } from 'chai';
import {
  asyncScheduler,
  config,
  defer,
  interval,
  NEVER,
  Observable,
  of,
  Subject,
  switchMap,
  timer,
  TimeoutError,
} from 'rxjs';
import {
  aggregate,
  background,
  CanceledError,
  DeadlineExceededError,
  type RunEvent,
  type Service,
  withEvents,
} from '../../lib/index.ts';
import { expectNoLeaks, marbles, recordEvents } from '../../lib/testing/index.ts';
import { errorOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { boom, exceeded, fails, pendingService } from '../support/services.ts';

describe('after its end, a run', () => {
  expectNoUnhandledRejections();

  const neverCalled = (): never => {
    throw new Error('called');
  };

  it('calls no service and emits no event once a service has failed synchronously', () => {
    const log: string[] = [];
    const { next, brief } = recordEvents();
    const all = aggregate(
      { first: pendingService('first', log), fails, rest: () => of(log.push('rest called')) },
      withEvents({ next }),
    );
    expect(errorOf(all(background))).to.have.property('service', 'fails');
    expect(log).to.deep.equal(['first torn down', 'first aborted']);
    expect(brief().slice(3)).to.deep.equal(['failed fails', 'canceled first', 'failed']);
  });

  for (const reason of [boom, 'the user left', 0, null]) {
    it(`calls no service when the signal has aborted before, with ${String(reason)}, and errors synchronously`, () => {
      const error = errorOf(aggregate({ neverCalled })({ signal: AbortSignal.abort(reason) }));
      expect(error).to.be.instanceOf(CanceledError).and.have.property('cause', reason);
    });
  }

  it('calls no service when the deadline has passed before, and errors synchronously with all services pending', () => {
    const error = errorOf(aggregate({ a: neverCalled, b: neverCalled })({ deadline: asyncScheduler.now() - 1 }));
    expect(error)
      .to.be.instanceOf(DeadlineExceededError)
      .and.deep.include({ pending: ['a', 'b'] });
    expect((error as Error).cause).to.be.instanceOf(TimeoutError);
  });

  it('calls no service when the deadline is now, as Go does', () => {
    marbles(({ expectObservable }) => {
      const all = aggregate({ neverCalled });
      expectObservable(all({ deadline: 0 })).toBe('#', undefined, exceeded(0, 'neverCalled'));
    });
  });

  it('calls no service after one that unsubscribes while it is called', () => {
    const log: string[] = [];
    const leave = new Subject<void>();
    const b = (): Observable<never> => {
      leave.next();
      return NEVER;
    };
    const all = aggregate({ a: pendingService('a', log), b, c: pendingService('c', log) });
    new Observable((subscriber) => {
      leave.subscribe(() => {
        subscriber.unsubscribe();
      });
      return all(background).subscribe(subscriber);
    }).subscribe();
    expect(log).to.deep.equal(['a torn down', 'a aborted']);
  });

  it('neither subscribes to what a service returned after it had aborted the caller, nor leaves its promise unhandled', () => {
    let subscribed = false;
    const late: readonly unknown[] = [defer(() => of((subscribed = true))), Promise.reject(boom)];
    for (const returned of late) {
      const controller = new AbortController();
      const leaves = (() => {
        controller.abort();
        return returned;
      }) as Service<void, unknown>;
      expect(errorOf(aggregate({ leaves })({ signal: controller.signal }))).to.be.instanceOf(CanceledError);
    }
    expect(subscribed).to.equal(false);
  });

  it('takes no more values of a source that emits without end while it is subscribed to', () => {
    const controller = new AbortController();
    let emitted = 0;
    const endless = (): Observable<number> =>
      new Observable((subscriber) => {
        while (!subscriber.closed) {
          subscriber.next(++emitted);
          if (emitted === 1_000) controller.abort();
        }
      });
    expect(errorOf(aggregate({ endless })({ signal: controller.signal }))).to.be.instanceOf(CanceledError);
    expect(emitted).to.equal(1_000);
  });

  it('sends no error to a subscriber that has unsubscribed, at whatever moment', () => {
    const stopped: unknown[] = [];
    config.onStoppedNotification = ({ kind }) => {
      if (kind === 'E') stopped.push(kind);
    };
    try {
      marbles(({ flush }) => {
        for (const moment of ['started', 'started a', 'succeeded a', 'succeeded', 'later']) {
          const leave = new Subject<void>();
          const next = ({ type, service }: RunEvent): void => {
            if (moment === (service === undefined ? type : `${type} ${service}`)) leave.next();
          };
          const both = aggregate({ a: () => of(1), b: () => timer(1) }, withEvents({ next }));
          new Observable((subscriber) => {
            leave.subscribe(() => {
              subscriber.unsubscribe();
            });
            both(background).subscribe(subscriber);
          }).subscribe();
          leave.next();
        }
        flush();
      });
    } finally {
      config.onStoppedNotification = null;
    }
    expect(stopped).to.deep.equal([]);
  });

  it('leaves no listener, no timer, and no source that emits', async () => {
    const succeeding = aggregate({ nested: aggregate({ a: () => timer(1) }), b: (ctx) => of(ctx.signal) });
    const failing = aggregate({ succeeding, ticks: () => interval(1), fails: () => timer(2).pipe(switchMap(fails)) });
    await expectNoLeaks((ctx) => succeeding(ctx), { fails: (ctx) => failing(ctx) });
  });
});
