import { expect } from 'chai';
import { catchError, NEVER, Observable, of, retry, Subject, type Subscription, switchMap, timer } from 'rxjs';
import {
  aggregate,
  background,
  CanceledError,
  type Context,
  ServiceError,
  silent,
  withEvents,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, recordEvents } from '../../lib/testing/index.ts';
import { errorOf, notificationsOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { boom, failed, fails, pendingService } from '../support/services.ts';

describe('a run that ends early', () => {
  expectNoUnhandledRejections();

  interface Run {
    readonly failing: Subject<never>;
    readonly controller: AbortController;
    readonly subscription: Subscription;
    readonly flush: () => void;
  }

  const cancellation = ['event canceled a', 'event canceled failing', 'event canceled b'];
  const endings: Readonly<Record<string, readonly [(run: Run) => void, readonly string[]]>> = {
    'a service fails': [
      ({ failing }) => {
        failing.error(boom);
      },
      [
        'event failed failing',
        'event canceled a',
        'event canceled b',
        'event failed run',
        'log run failed',
        'notified',
      ],
    ],
    'its deadline passes': [
      ({ flush }) => {
        flush();
      },
      [...cancellation, 'event failed run', 'log deadline exceeded', 'notified'],
    ],
    'the signal of its caller aborts': [
      ({ controller }) => {
        controller.abort();
      },
      [...cancellation, 'event canceled run', 'notified'],
    ],
    'its subscriber unsubscribes': [
      ({ subscription }) => {
        subscription.unsubscribe();
      },
      [...cancellation, 'event canceled run'],
    ],
  };

  for (const [when, [end, reports]] of Object.entries(endings)) {
    it(`tears down, aborts, reports and then notifies when ${when}`, () => {
      marbles(({ flush }) => {
        const log: string[] = [];
        const [failing, controller] = [new Subject<never>(), new AbortController()];
        let signal: AbortSignal | undefined;
        let error: unknown;
        const subscription = aggregate(
          {
            a: pendingService('a', log),
            failing: (ctx) => {
              ({ signal } = ctx);
              return failing;
            },
            b: pendingService('b', log),
          },
          withTimeout(10),
          withEvents({ next: ({ type, service = 'run' }) => log.push(`event ${type} ${service}`) }),
          withLogger({ ...silent, error: (message) => log.push(`log ${message}`) }),
        )({ signal: controller.signal }).subscribe({
          error: (received: unknown) => {
            error = received;
            log.push('notified');
          },
        });
        log.length = 0;
        end({ failing, controller, subscription, flush });
        expect(log).to.deep.equal(['a torn down', 'b torn down', 'a aborted', 'b aborted', ...reports]);
        if (reports.includes('notified')) expect(signal?.reason, 'the reason is the error').to.equal(error);
        else expect(signal?.reason).to.be.instanceOf(CanceledError).and.not.have.property('cause');
      });
    });
  }

  it('wakes no retry and no catchError in a sibling, a nested one included', () => {
    const log: string[] = [];
    /** As many drivers do, this one answers an abort synchronously with an error. */
    const driver = (ctx: Context): Observable<never> =>
      new Observable((subscriber) => {
        log.push('called');
        ctx.signal?.addEventListener('abort', () => {
          subscriber.error(new Error('aborted'));
        });
      });
    const failing = new Subject<never>();
    const page = aggregate({
      retried: (ctx) => driver(ctx).pipe(retry(3)),
      caught: (ctx) => driver(ctx).pipe(catchError(() => of(log.push('caught')))),
      nested: aggregate({ inner: (ctx) => driver(ctx).pipe(retry(3)) }),
      failing: () => failing,
    });
    page(background).subscribe({ error: () => log.push('notified') });
    failing.error(boom);
    expect(log).to.deep.equal(['called', 'called', 'called', 'notified']);
  });

  it('cancels a driver that knows only ctx.signal', () => {
    const log: string[] = [];
    const driver = (ctx: Context): Promise<never> =>
      new Promise((_resolve, reject) => {
        ctx.signal?.addEventListener('abort', () => {
          log.push('driver canceled');
          reject(new Error('aborted'));
        });
      });
    const query = (ctx: Context): Observable<never> => new Observable(() => void driver(ctx).catch(() => undefined));
    expect(errorOf(aggregate({ query, fails })(background))).to.include({ service: 'fails' });
    expect(log).to.deep.equal(['driver canceled']);
  });

  it('unsubscribes from the siblings in the frame of the failure', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold('---#     ', undefined, boom);
      const orders = cold(' ------o| ');
      const expected = '    ---#     ';
      const dashboard = aggregate({ profile: () => profile, orders: () => orders });
      expectObservable(dashboard(background)).toBe(expected, undefined, failed('profile', 3));
      expectSubscriptions(orders.subscriptions).toBe('^--!');
    });
  });

  it('unsubscribes from the services in the frame in which the caller aborts', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const controller = new AbortController();
      const a = cold('------a|');
      timer(3).subscribe(() => {
        controller.abort('bye');
      });
      const canceled = new CanceledError({ cause: 'bye' });
      expectObservable(aggregate({ a: () => a })({ signal: controller.signal })).toBe('---#', undefined, canceled);
      expectSubscriptions(a.subscriptions).toBe('^--!');
    });
  });

  it('fails when `subscribe` of a source throws, as when the source errors', () => {
    const broken = Object.assign(new Observable<never>(), {
      subscribe: (): never => {
        throw boom;
      },
    });
    const error = errorOf(aggregate({ a: () => NEVER, broken: () => broken })(background));
    expect(error).to.be.instanceOf(ServiceError).and.include({ service: 'broken', cause: boom });
  });

  it('ends once, by the first of an error, an abort and the deadline in one frame', () => {
    marbles(({ cold, flush }) => {
      const { next, brief } = recordEvents();
      const controller = new AbortController();
      const errors: unknown[] = [];
      const a = (): Observable<never> =>
        timer(10).pipe(
          switchMap(() => {
            controller.abort('first');
            return fails();
          }),
        );
      const both = aggregate({ a, b: () => cold('10ms #', undefined, boom) }, withTimeout(10), withEvents({ next }));
      both({ signal: controller.signal }).subscribe({ error: (error: unknown) => errors.push(error) });
      flush();
      expect(errors).to.have.length(1);
      expect(errors[0]).to.be.instanceOf(CanceledError).and.have.property('cause', 'first');
      expect(brief()).to.deep.equal(['started', 'started a', 'started b', 'canceled a', 'canceled b', 'canceled']);
    });
  });

  it('ends by the abort when a teardown of a service that has completed aborts the caller', () => {
    const controller = new AbortController();
    const { next, brief } = recordEvents();
    const a = (): Observable<number> =>
      new Observable((subscriber) => {
        subscriber.add(() => {
          controller.abort('in a teardown');
        });
        subscriber.next(1);
        subscriber.complete();
      });
    const [error] = notificationsOf(
      aggregate({ a, b: () => NEVER }, withEvents({ next }))({ signal: controller.signal }),
    );
    expect(error).to.be.instanceOf(CanceledError).and.have.property('cause', 'in a teardown');
    expect(brief().at(-1)).to.equal('canceled');
  });
});

describe('a run that succeeds', () => {
  it('does not abort its signal', () => {
    let signal: AbortSignal | undefined;
    aggregate({
      one: (ctx) => {
        ({ signal } = ctx);
        return of(1);
      },
    })(background).subscribe();
    expect(signal).to.have.property('aborted', false);
  });
});
