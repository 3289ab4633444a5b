import { metrics } from '@opentelemetry/api';
import { expect } from 'chai';
import { asyncScheduler, NEVER, Observable, of, Subject, type Subscription, throwError } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  type Context,
  HttpError,
  lastGood,
  optional,
  withConcurrency,
  withEvents,
  withName,
  withTimeout,
} from 'forkfast';
import { withMetrics } from 'forkfast/opentelemetry';
import { marbles } from '../../../lib/testing/index.ts';
import { abortingAt } from '../../support/aborting.ts';
import { type Measuring, measuring } from '../../support/measured.ts';

const boom = new Error('boom');
const ignored = { error: () => undefined };

describe('withMetrics', () => {
  let measured: Measuring;
  beforeEach(() => {
    measured = measuring();
  });
  const named = (name: string) => [withName(name), withMetrics(measured.provider.getMeter('a test'))] as const;
  const linesWith = async (text: string): Promise<string[]> =>
    (await measured.lines()).filter((line) => line.includes(text));

  it('measures runs and services by aggregate, service and outcome', async () => {
    marbles(({ cold, flush }) => {
      const http = new HttpError({ status: 503, method: 'GET', url: 'http://api.test/' });
      const outcomes: readonly Observable<unknown>[] = [cold('---a|'), cold('---#', undefined, http)];
      for (const orders of outcomes) {
        const dashboard = aggregate({ profile: () => cold('-a|'), orders: () => orders }, ...named('dashboard'));
        dashboard(background).subscribe(ignored);
        dashboard(background).subscribe().unsubscribe();
      }
      flush();
    });
    const dashboard = 'aggregate.name=dashboard';
    const profile = `${dashboard} service.name=profile`;
    const orders = `${dashboard} service.name=orders`;
    expect(await measured.lines()).to.have.members([
      `run.duration ${dashboard} outcome=succeeded 1 in 0.004 s`,
      `run.duration ${dashboard} outcome=failed error.type=503 1 in 0.003 s`,
      `run.duration ${dashboard} outcome=canceled 2 in 0 s`,
      `active_runs ${dashboard} 0`,
      `service.duration ${profile} outcome=succeeded 2 in 0.004 s`,
      `service.duration ${orders} outcome=succeeded 1 in 0.004 s`,
      `service.duration ${orders} outcome=failed error.type=503 1 in 0.003 s`,
      `service.duration ${profile} outcome=canceled 2 in 0 s`,
      `service.duration ${orders} outcome=canceled 2 in 0 s`,
      `active_services ${profile} 0`,
      `active_services ${orders} 0`,
    ]);
  });

  it('marks the answers of lastGood, and counts the failures of optional services', async () => {
    marbles(({ flush }) => {
      let up = true;
      const orders = lastGood(() => (up ? of(5) : throwError(() => new TypeError('down'))), { maxAge: 99 });
      const page = aggregate({ orders, ads: optional(() => NEVER) }, ...named('page'), withTimeout(3));
      page(background).subscribe();
      up = false;
      page(background).subscribe();
      flush();
    });
    expect(await linesWith('duration')).to.deep.equal([
      'run.duration aggregate.name=page outcome=succeeded 2 in 0.006 s',
      'service.duration aggregate.name=page service.name=orders outcome=succeeded 1 in 0 s',
      'service.duration aggregate.name=page service.name=orders outcome=succeeded stale=TypeError 1 in 0 s',
      'service.duration aggregate.name=page service.name=ads outcome=failed error.type=ERR_DEADLINE_EXCEEDED 2 in 0.006 s',
    ]);
  });

  it('counts runs and services in flight, and no queued service', async () => {
    const dashboard = aggregate(
      { profile: () => NEVER, orders: () => NEVER },
      ...named('dashboard'),
      withConcurrency(1),
    );
    const subscription = dashboard(background).subscribe();
    subscription.add(dashboard(background).subscribe());
    const inFlight = (n: number): string[] => [
      `active_runs aggregate.name=dashboard ${String(n)}`,
      `active_services aggregate.name=dashboard service.name=profile ${String(n)}`,
    ];
    expect(await linesWith('active')).to.deep.equal(inFlight(2));
    subscription.unsubscribe();
    expect(await linesWith('active')).to.deep.equal(inFlight(0));
  });

  it('counts the duration of a service from its own start', async () => {
    marbles(({ cold, flush }) => {
      const services = { first: () => cold('--a|'), second: () => cold('-a|') };
      aggregate(services, ...named('run'), withConcurrency(1))(background).subscribe();
      flush();
    });
    expect(await linesWith('duration')).to.deep.equal([
      'run.duration aggregate.name=run outcome=succeeded 1 in 0.005 s',
      'service.duration aggregate.name=run service.name=first outcome=succeeded 1 in 0.003 s',
      'service.duration aggregate.name=run service.name=second outcome=succeeded 1 in 0.002 s',
    ]);
  });

  it('records no negative duration if the wall clock jumps back', async () => {
    const { now } = asyncScheduler;
    let clock = 5_000;
    asyncScheduler.now = () => clock;
    try {
      const first = new Subject<number>();
      const second = new Observable<number>((subscriber) => {
        clock -= 80;
        subscriber.next(2);
        subscriber.complete();
      });
      const services = { first: () => first, second: () => second };
      aggregate(services, ...named('run'), withConcurrency(1))(background).subscribe();
      clock += 100;
      first.next(1);
      first.complete();
    } finally {
      asyncScheduler.now = now;
    }
    expect(await linesWith('second outcome')).to.deep.equal([
      'service.duration aggregate.name=run service.name=second outcome=succeeded 1 in 0 s',
    ]);
  });

  describe('counts nothing in flight', () => {
    const run = (ctx: Context, ...services: (() => Observable<unknown>)[]) =>
      aggregate(services, ...named('run'), withTimeout(5))(ctx).subscribe(ignored);
    const never = () => NEVER;
    const fails = () => throwError(() => boom);
    const torn = () =>
      new Observable(() => () => {
        throw boom;
      });
    const aborted = () => {
      const caller = new AbortController();
      run({ signal: caller.signal }, never);
      caller.abort();
    };
    const unsubscribed = (service: () => Observable<unknown>): Subscription => {
      const subscription = run(background, service);
      subscription.unsubscribe();
      return subscription;
    };
    for (const [what, work] of [
      ['a success', () => run(background, () => of(1))],
      ['a failure', () => run(background, never, fails, never)],
      ['a deadline', () => run(background, never, never)],
      ['an abort', aborted],
      ['unsubscribing', () => unsubscribed(never)],
      ['a teardown that throws', () => unsubscribed(torn)],
      ['a signal that has aborted before the start', () => run({ signal: AbortSignal.abort() }, never)],
      ['a deadline that has passed before the start', () => run({ deadline: -1 }, never)],
      ['an invalid context', () => run({ deadline: NaN }, never)],
    ] as const) {
      it(`after ${what}`, async () => {
        marbles(({ flush }) => {
          work();
          flush();
        });
        const lines = await linesWith('active');
        expect(lines).to.have.length.above(0);
        expect(lines.filter((line) => !line.endsWith(' 0'))).to.deep.equal([]);
      });
    }

    for (const moment of ['started a', 'succeeded a', 'started b']) {
      it(`after an earlier sink has ended the run during "${moment}"`, async () => {
        const controller = new AbortController();
        const aborting = withEvents(abortingAt(moment, controller));
        const ending = aggregate({ a: () => of(1), b: () => NEVER }, aborting, ...named('run'));
        ending({ signal: controller.signal }).subscribe(ignored);
        const lines = await linesWith('active');
        expect(lines).to.have.length.above(0);
        expect(lines.filter((line) => !line.endsWith(' 0'))).to.deep.equal([]);
      });
    }
  });

  it('has one time series for the services without a name', async () => {
    marbles(() => {
      aggregateEach((_ctx, id: number) => of(id), ...named('each'))(background, [1, 2, 3]).subscribe();
    });
    expect(await measured.lines()).to.deep.equal([
      'run.duration aggregate.name=each outcome=succeeded 1 in 0 s',
      'active_runs aggregate.name=each 0',
      'service.duration aggregate.name=each service.name=[] outcome=succeeded 3 in 0 s',
      'active_services aggregate.name=each service.name=[] 0',
    ]);
  });

  it('keeps names that only contain a number in brackets', async () => {
    const services = Object.fromEntries(['[10]', '[1]st', 'a[1]'].map((name) => [name, () => of(1)]));
    aggregate(services, ...named('run'))(background).subscribe();
    const lines = await linesWith('active_services');
    expect(lines.map((line) => /service\.name=(\S+)/.exec(line)?.[1])).to.deep.equal(['[]', '[1]st', 'a[1]']);
  });

  it('describes its instruments, with units and bucket boundaries', async () => {
    aggregate({ a: () => of(1) }, ...named('run'))(background).subscribe();
    const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
    expect(await measured.instruments()).to.deep.equal([
      { name: 'forkfast.run.duration', description: 'How long a run took.', unit: 's', boundaries },
      { name: 'forkfast.active_runs', description: 'The runs in flight.', unit: '{run}' },
      { name: 'forkfast.service.duration', description: 'How long a service took.', unit: 's', boundaries },
      { name: 'forkfast.active_services', description: 'The services in flight.', unit: '{service}' },
    ]);
  });

  it('replaces an earlier withMetrics', async () => {
    marbles(() => {
      aggregate({}, ...named('run'), ...named('run'))(background).subscribe();
    });
    expect(await measured.lines()).to.deep.equal([
      'run.duration aggregate.name=run outcome=succeeded 1 in 0 s',
      'active_runs aggregate.name=run 0',
    ]);
  });

  it('uses the provider that is registered when the run starts, and keeps it until the run ends', async () => {
    const gate = new Subject<number>();
    const services = { a: () => gate, queued: () => NEVER };
    const early = aggregate(services, withConcurrency(1), withMetrics())(background).subscribe();
    metrics.setGlobalMeterProvider(measured.provider);
    gate.next(1);
    gate.complete();
    const late = aggregate({ a: () => NEVER }, withMetrics())(background).subscribe();
    early.unsubscribe();
    expect(await linesWith('active')).to.deep.equal([
      'active_runs aggregate.name=aggregate 1',
      'active_services aggregate.name=aggregate service.name=a 1',
    ]);
    metrics.disable();
    late.unsubscribe();
    expect((await linesWith('active')).every((line) => line.endsWith(' 0'))).to.equal(true);
  });
});
