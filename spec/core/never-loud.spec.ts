import { expect } from 'chai';
import {
  catchError,
  concatWith,
  config,
  defer,
  map,
  merge,
  type MonoTypeOperatorFunction,
  NEVER,
  Observable,
  of,
  repeat,
  retry,
  switchMap,
  timer,
} from 'rxjs';
import {
  aggregate,
  type AggregateOption,
  background,
  CanceledError,
  type Context,
  fromAbortable,
  hedge,
  perRun,
  type Service,
  singleFlight,
  withEvents,
  withLogger,
} from '../../lib/index.ts';
import { marbles, type RecordedEvents, recordEvents } from '../../lib/testing/index.ts';
import { notificationsOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { boom, fails, pendingService } from '../support/services.ts';
import { nextTask } from '../support/tasks.ts';

const torn = new Error('torn');

/** A source whose teardown throws. */
function tearing(source: Observable<unknown> = NEVER): Observable<unknown> {
  return new Observable((subscriber) => {
    subscriber.add(() => {
      throw torn;
    });
    subscriber.add(source.subscribe(subscriber));
  });
}

/** A source that has completed when it returns its teardown, which throws. */
const tearingLate = new Observable<unknown>((subscriber) => {
  subscriber.next(1);
  subscriber.complete();
  return () => {
    throw torn;
  };
});

const one = (ms: number): Observable<number> => timer(ms).pipe(map(() => 1));
const failing = (ms: number): Observable<never> => timer(ms).pipe(switchMap(fails));

describe('a teardown that throws', () => {
  expectNoUnhandledRejections();

  interface Run {
    readonly notifications: unknown[];
    readonly recorded: RecordedEvents;
    readonly cancel: () => void;
  }

  function runOf(services: Record<string, Service<void, unknown>>): Run {
    const recorded = recordEvents();
    const notifications: unknown[] = [];
    const subscription = aggregate(
      services,
      withEvents(recorded),
    )(background).subscribe({
      next: (value) => notifications.push(value),
      error: (error: unknown) => notifications.push(error),
      complete: () => notifications.push('complete'),
    });
    return {
      notifications,
      recorded,
      cancel: () => {
        subscription.unsubscribe();
      },
    };
  }

  const expectReport = ({ recorded }: Run, service?: string): void => {
    const reports = recorded.events.filter(({ type }) => type === 'teardown-failed');
    expect(reports).to.have.length(1);
    expect(reports[0]).to.have.property('error', torn);
    expect(reports[0]?.service).to.equal(service);
  };

  it('neither keeps the siblings from being torn down, nor replaces the error', () => {
    const log: string[] = [];
    const run = runOf({ a: () => tearing(), b: pendingService('b', log), fails });
    expect(run.notifications).to.have.length(1);
    expect(run.notifications[0]).to.include({ service: 'fails', cause: boom });
    expect(log).to.deep.equal(['b torn down', 'b aborted']);
    expect(run.recorded.brief().slice(4)).to.deep.equal([
      'failed fails',
      'canceled a',
      'canceled b',
      'teardown-failed a',
      'failed',
    ]);
    expectReport(run, 'a');
  });

  it('does not replace the error of its own service', () => {
    const run = runOf({ a: () => tearing(fails()) });
    expect(run.notifications).to.have.length(1);
    expect(run.notifications[0]).to.include({ service: 'a', cause: boom });
    expect(run.recorded.brief()).to.deep.equal(['started', 'started a', 'failed a', 'teardown-failed a', 'failed']);
  });

  const successes: Readonly<Record<string, Service<void, unknown>>> = {
    'completes synchronously': () => tearing(of(1)),
    'completes later': () => tearing(one(5)),
    'returns it after it has completed': () => tearingLate,
    'returns it after it has completed, behind fromAbortable': (ctx) => fromAbortable(ctx, () => tearingLate),
  };
  for (const [how, a] of Object.entries(successes)) {
    it(`does not replace the value of a service that ${how}`, () => {
      marbles(({ flush }) => {
        const run = runOf({ a });
        flush();
        expect(run.notifications).to.deep.equal([{ a: 1 }, 'complete']);
        expect(run.recorded.brief()).to.deep.equal([
          'started',
          'started a',
          'succeeded a',
          'teardown-failed a',
          'succeeded',
        ]);
      });
    });
  }

  type Wrap = (source: Observable<unknown>) => Service<void, unknown>;
  const shared: Readonly<Record<string, Wrap>> = {
    fromAbortable: (source) => (ctx) => fromAbortable(ctx, () => tearing(source)),
    perRun: (source) => perRun(() => tearing(source)),
    singleFlight: (source) => singleFlight(() => tearing(source)),
  };
  const hedged: Wrap = (source) => {
    let lanes = 0;
    const lane = defer(() => (lanes++ === 0 ? tearing(failing(5)) : source));
    return () => lane.pipe(hedge({ after: 2 }));
  };
  for (const [way, wrap] of Object.entries({ ...shared, 'a lane of hedge': hedged })) {
    it(`is reported behind ${way}, and replaces neither a value nor an error`, () => {
      for (const source of [one(5), failing(5)]) {
        marbles(({ flush }) => {
          const run = runOf({ a: wrap(source), b: () => timer(9) });
          flush();
          if (run.recorded.brief().at(-1) === 'succeeded')
            expect(run.notifications).to.deep.equal([{ a: 1, b: 0 }, 'complete']);
          else expect(run.notifications).to.have.length(1).and.have.nested.property('[0].cause', boom);
          expectReport(run, 'a');
        });
      }
    });
  }

  for (const [way, wrap] of Object.entries(shared)) {
    it(`changes nothing for the operators behind ${way}`, () => {
      let calls = 0;
      const secondTime = defer(() => (++calls % 2 === 1 ? failing(2) : timer(2).pipe(map(() => 2))));
      const cases: readonly (readonly [Observable<unknown>, MonoTypeOperatorFunction<unknown>, unknown])[] = [
        [secondTime, retry(3), 2],
        [failing(2), catchError(() => of('caught')), 'caught'],
        [one(2), repeat(2), 1],
        [one(2), concatWith(of('more')), 'more'],
        ...(way === 'fromAbortable' ? [[of(1), concatWith(of('more')), 'more'] as const] : []),
      ];
      for (const [source, operator, value] of cases) {
        marbles(({ flush }) => {
          const service = wrap(source);
          const run = runOf({ a: (ctx) => service(ctx).pipe(operator) });
          flush();
          expect(run.notifications).to.deep.equal([{ a: value }, 'complete']);
          expect(run.recorded.brief()).to.include('teardown-failed a');
        });
      }
    });
  }

  it('is reported for the run when its service is unknown, since fromAbortable was called later', () => {
    marbles(({ flush }) => {
      const run = runOf({
        a: (ctx) => timer(1).pipe(switchMap(() => fromAbortable(ctx, () => tearing(one(1))))),
      });
      flush();
      expect(run.notifications).to.deep.equal([{ a: 1 }, 'complete']);
      expectReport(run);
    });
  });

  it('is reported for a service that has completed, when its fromAbortable ends later', () => {
    marbles(({ flush }) => {
      const detached = (ctx: Context): Observable<number> => {
        fromAbortable(ctx, () => tearing(one(2))).subscribe();
        return of(1);
      };
      const run = runOf({ a: detached, b: () => timer(5) });
      flush();
      expect(run.recorded.brief().slice(3)).to.deep.equal([
        'started b',
        'teardown-failed a',
        'succeeded b',
        'succeeded',
      ]);
    });
  });

  it('is reported for a service that ended the run while it was subscribed to', () => {
    const controller = new AbortController();
    const { events, brief, next } = recordEvents();
    const leaves = (): Observable<never> =>
      new Observable(() => {
        controller.abort();
        return () => {
          throw torn;
        };
      });
    const run = aggregate({ leaves }, withEvents({ next }))({ signal: controller.signal });
    expect(notificationsOf(run)[0]).to.be.instanceOf(CanceledError);
    const order = ['started', 'started leaves', 'canceled leaves', 'canceled', 'teardown-failed leaves'];
    expect(brief()).to.deep.equal(order);
    expect(events.at(-1)).to.have.property('error', torn);
  });

  it('is reported once for each error when several throw on unsubscribing', () => {
    const run = runOf({ a: () => merge(tearing(), tearing()) });
    run.cancel();
    expect(run.notifications).to.deep.equal([]);
    expect(run.recorded.brief()).to.deep.equal([
      'started',
      'started a',
      'canceled a',
      'teardown-failed a',
      'teardown-failed a',
      'canceled',
    ]);
  });

  describe('in a run without a logger and a sink', () => {
    const reported: unknown[] = [];
    beforeEach(() => {
      reported.length = 0;
    });
    afterEach(() => {
      config.onUnhandledError = null;
    });

    const outcomes = (): unknown[] =>
      [
        aggregate({ a: () => tearing(of(1)) })(background),
        aggregate({ a: () => tearing(fails()) })(background),
        aggregate({ a: () => tearing(), fails })(background),
      ].map((run) => {
        const [outcome] = notificationsOf(run) as [{ a?: number; cause?: unknown }];
        return outcome.a ?? outcome.cause;
      });

    it("goes to RxJS's onUnhandledError", async () => {
      config.onUnhandledError = (error) => reported.push(error);
      expect(outcomes()).to.deep.equal([1, boom, boom]);
      await nextTask();
      expect(reported).to.deep.equal([torn, torn, torn]);
    });

    it('is dropped without an onUnhandledError: mocha sees no uncaught exception', async () => {
      expect(outcomes()).to.deep.equal([1, boom, boom]);
      await nextTask();
      await nextTask();
    });
  });
});

describe('a logger or a sink', () => {
  expectNoUnhandledRejections();

  const throws = (): never => {
    throw new Error('the log is full');
  };
  const rejects = (): Promise<never> => Promise.reject(new Error('the log is full'));
  for (const [how, watch] of Object.entries({ throws, rejects })) {
    it(`changes no outcome when it ${how}`, () => {
      const logger = { debug: watch, info: watch, warn: watch, error: watch };
      const options: AggregateOption[] = [
        withLogger(logger, { fields: watch }),
        withEvents({ next: watch, around: (): unknown => watch() }),
      ];
      const controller = new AbortController();
      expect(notificationsOf(aggregate({ a: () => of(1) }, ...options)(background))).to.deep.equal([
        { a: 1 },
        'complete',
      ]);
      expect(notificationsOf(aggregate({ a: () => tearing(), fails }, ...options)(background)))
        .to.have.length(1)
        .and.have.nested.property('[0].cause', boom);
      const errors: unknown[] = [];
      aggregate(
        { a: () => tearing() },
        ...options,
      )({ signal: controller.signal }).subscribe({
        error: (error: unknown) => errors.push(error),
      });
      controller.abort('bye');
      expect(errors).to.have.length(1).and.have.nested.property('[0].cause', 'bye');
    });
  }
});
