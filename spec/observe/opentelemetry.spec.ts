import { metrics, propagation, SpanKind, SpanStatusCode, type TextMapPropagator, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { expect } from 'chai';
import {
  asyncScheduler,
  catchError,
  map,
  NEVER,
  Observable,
  of,
  retry,
  Subject,
  switchMap,
  throwError,
  timer,
} from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  type Context,
  type EventSink,
  HttpError,
  NetworkError,
  silent,
  singleFlight,
  ValidationError,
  withConcurrency,
  withEvents,
  withLogger,
  withName,
  withTimeout,
} from 'forkfast';
import { propagateTrace, withMetrics, withTracing } from 'forkfast/opentelemetry';
import manifest from '../../package.json' with { type: 'json' };
import { type Exporting, exporting } from '../support/exported.ts';
import { marbles } from '../../lib/testing/index.ts';
import { type Measuring, measuring } from '../support/measured.ts';

const quiet = withLogger(silent);
const boom = new Error('boom');
const ignored = { error: () => undefined };

/** Aborts the caller's signal as soon as it is told of `what`: those behind it are told of the end first. */
function ending(controller: AbortController, what: string): EventSink {
  return {
    next: ({ type, service = 'run' }) => {
      if (`${type} ${service}` === what) controller.abort();
    },
  };
}

describe('withTracing', () => {
  let exported: Exporting;
  beforeEach(() => {
    exported = exporting();
  });
  const named = (name: string) => [quiet, withName(name), withTracing(exported.provider.getTracer('a test'))] as const;
  const expectTree = (...lines: string[]): void => {
    expect(exported.tree()).to.equal(lines.join('\n'));
  };

  it('says of a run and of its services whose they are, what became of them, and after how long', () => {
    marbles(({ cold, flush }) => {
      const ask = aggregate({ profile: () => cold('--a|'), orders: () => cold('-#') }, ...named('dashboard'));
      ask(background).subscribe(ignored);
      flush();
      const dashboard = { 'forkfast.aggregate.name': 'dashboard', 'forkfast.elapsed': 1 };
      const failed = { 'forkfast.outcome': 'failed', 'error.type': 'string' };
      const [orders, profile, run] = exported.spans;
      expect(exported.spans.map(({ name, kind, attributes }) => ({ name, kind, attributes }))).to.deep.equal([
        {
          name: 'dashboard orders',
          kind: SpanKind.INTERNAL,
          attributes: { ...dashboard, 'forkfast.service.name': 'orders', ...failed },
        },
        {
          name: 'dashboard profile',
          kind: SpanKind.INTERNAL,
          attributes: { ...dashboard, 'forkfast.service.name': 'profile', 'forkfast.outcome': 'canceled' },
        },
        { name: 'dashboard', kind: SpanKind.INTERNAL, attributes: { ...dashboard, ...failed } },
      ]);
      expect(exported.spans.map(({ status }) => status)).to.deep.equal([
        { code: SpanStatusCode.ERROR, message: 'string' },
        { code: SpanStatusCode.UNSET },
        { code: SpanStatusCode.ERROR, message: 'orders: string' },
      ]);
      expect(orders?.events.map(({ name, attributes }) => ({ name, attributes }))).to.deep.equal([
        { name: 'exception', attributes: { 'exception.type': 'string' } },
      ]);
      expect([profile?.events, run?.events]).to.deep.equal([[], []]);
    });
  });

  it('leaves the status of what succeeds unset', () => {
    aggregate({ a: () => of(1), b: () => of(2) }, ...named('run'))(background).subscribe();
    expectTree('run succeeded', '  run a succeeded', '  run b succeeded');
  });

  it('takes the times from the SDK, as other spans do: virtual ones would be of 1970', () => {
    const before = Math.floor(Date.now() / 1_000);
    marbles(({ flush }) => {
      aggregate({ a: () => timer(5) }, ...named('run'))(background).subscribe();
      flush();
    });
    for (const { startTime } of exported.spans) expect(startTime[0]).to.be.at.least(before);
  });

  it('says whose the instrumentation is', () => {
    trace.setGlobalTracerProvider(exported.provider);
    aggregate({}, quiet, withTracing())(background).subscribe();
    trace.disable();
    const { name, version } = manifest;
    expect(exported.spans[0]?.instrumentationScope).to.include({ name, version });
  });

  it('ends what is unsubscribed from, without an error', () => {
    aggregate(
      { a: () => NEVER, b: () => NEVER },
      ...named('run'),
      withConcurrency(1),
    )(background)
      .subscribe()
      .unsubscribe();
    expectTree('run canceled', '  run a canceled');
  });

  it('has a span of a run that is refused', () => {
    const ask = aggregate({ a: () => of(1) }, ...named('run'));
    marbles(() => {
      for (const ctx of [{ signal: AbortSignal.abort() }, { deadline: 0 }, { deadline: NaN }]) {
        ask(ctx).subscribe(ignored);
      }
    });
    const late = 'context deadline exceeded after 0 ms, pending: a';
    expectTree(
      'run canceled',
      `run failed error.type=ERR_DEADLINE_EXCEEDED ERROR(${late})`,
      `  * exception DeadlineExceededError ${late}`,
      'run failed error.type=RangeError ERROR(RangeError)',
      '  * exception RangeError',
    );
  });

  it('has one name for the spans of many inputs, and keeps the index aside', () => {
    aggregateEach((_ctx, id: number) => of(id), ...named('each'))(background, [1, 2]).subscribe();
    expectTree('each succeeded', '  each [] succeeded', '  each [] succeeded');
    expect(exported.spans.map(({ attributes }) => attributes['forkfast.service.name'])).to.deep.equal([
      '[0]',
      '[1]',
      undefined,
    ]);
  });

  it('is there once, however often it is said: the last one wins', () => {
    const other = exporting();
    const first = withTracing(other.provider.getTracer('first'));
    let told = 0;
    aggregate({}, first, withEvents({ next: () => told++ }), first, ...named('run'))(background).subscribe();
    expectTree('run succeeded');
    expect(other.spans).to.have.length(0);
    expect(told).to.equal(2);
  });

  it('makes nothing of the services where nobody samples the run', () => {
    const names: string[] = [];
    const noop = trace.wrapSpanContext(exported.provider.getTracer('a test').startSpan('other').spanContext());
    const tracer = {
      startSpan: (name: string) => {
        names.push(name);
        return noop;
      },
    };
    const tracing = withTracing(tracer as never);
    aggregate({ a: () => of(1), b: () => throwError(() => boom) }, quiet, tracing)(background).subscribe(ignored);
    expect(names).to.deep.equal(['aggregate']);
  });

  for (const what of ['started a', 'succeeded a']) {
    it(`ends every span though a sink before it ends the run when it is told of "${what}"`, () => {
      const controller = new AbortController();
      const before = withEvents(ending(controller, what));
      const ask = aggregate({ a: () => of(1), b: () => NEVER }, before, ...named('run'));
      ask({ signal: controller.signal }).subscribe(ignored);
      if (what === 'started a') expectTree('run canceled');
      else expectTree('run canceled', '  run a canceled');
    });
  }

  it('takes a teardown that threw for no end', () => {
    const [sink] = withTracing(exported.provider.getTracer('a test'))({ sinks: [] } as never).sinks;
    const event = { run: -1, name: 'run', at: 0, elapsed: 0, ctx: background };
    for (const type of ['started', 'teardown-failed', 'succeeded'] as const)
      sink!.next({ ...event, type, error: boom });
    expectTree('run succeeded');
  });

  it('ends the span where the error cannot be read', () => {
    const hostile = Object.defineProperty(new Error('hostile'), 'name', {
      get: () => {
        throw boom;
      },
    });
    aggregate({ a: () => throwError(() => hostile) }, ...named('run'))(background).subscribe(ignored);
    expectTree('run failed', '  run a failed');
  });

  describe('of nested runs, without a context manager', () => {
    it('parents the inner run on the service that it was asked in', () => {
      const user = aggregate({ profile: () => of('Alice') }, ...named('user'));
      aggregate({ user, friend: user }, ...named('page'))(background).subscribe();
      expectTree(
        'page succeeded',
        '  page user succeeded',
        '    user succeeded',
        '      user profile succeeded',
        '  page friend succeeded',
        '    user succeeded',
        '      user profile succeeded',
      );
    });

    it('parents it on the outer run where it was asked later', () => {
      marbles(({ flush }) => {
        const user = aggregate({ profile: () => of('Alice') }, ...named('user'));
        const late = (ctx: Context): Observable<unknown> => timer(1).pipe(switchMap(() => user(ctx)));
        aggregate({ late }, ...named('page'))(background).subscribe();
        flush();
        expectTree('page succeeded', '  page late succeeded', '  user succeeded', '    user profile succeeded');
      });
    });

    it('takes no service for another, even of an empty name', () => {
      marbles(({ cold, flush }) => {
        const user = aggregate({ profile: () => of('Alice') }, ...named('user'));
        const late = (ctx: Context): Observable<unknown> => timer(1).pipe(switchMap(() => user(ctx)));
        aggregate({ a: late, '': () => cold('--a|') }, ...named('page'))(background).subscribe();
        flush();
        expectTree(
          'page succeeded',
          '  page a succeeded',
          '  page  succeeded',
          '  user succeeded',
          '    user profile succeeded',
        );
      });
    });

    it('lets it be a root where the outer run is not traced', () => {
      const user = aggregate({ profile: () => of('Alice') }, ...named('user'));
      aggregate({ user }, quiet)(background).subscribe();
      expectTree('user succeeded', '  user profile succeeded');
    });
  });

  describe('records an exception', () => {
    const failing = (error: unknown) => () => throwError(() => error);
    const exceptions = (): string[] =>
      exported.spans.flatMap(({ name, events }) =>
        events.map(({ attributes }) => `${name}: ${JSON.stringify(attributes)}`),
      );

    it('once, in the innermost service that failed', () => {
      const profile = failing(boom);
      const user = aggregate({ profile }, ...named('user'));
      const page = aggregate({ user }, ...named('page'));
      aggregate({ page }, ...named('site'))(background).subscribe(ignored);
      expectTree(
        'site failed error.type=Error ERROR(page.user.profile: Error)',
        '  site page failed error.type=Error ERROR(user.profile: Error)',
        '    page failed error.type=Error ERROR(user.profile: Error)',
        '      page user failed error.type=Error ERROR(profile: Error)',
        '        user failed error.type=Error ERROR(profile: Error)',
        '          user profile failed error.type=Error ERROR(Error)',
        '            * exception Error',
      );
    });

    it('in the run whose deadline it was', () => {
      marbles(({ flush }) => {
        const user = aggregate({ profile: () => NEVER }, ...named('user'), withTimeout(5));
        aggregate({ user, orders: () => NEVER }, ...named('page'))(background).subscribe(ignored);
        flush();
        const late = 'context deadline exceeded after 5 ms, pending: profile';
        expectTree(
          `page failed error.type=ERR_DEADLINE_EXCEEDED ERROR(user: ${late})`,
          `  page user failed error.type=ERR_DEADLINE_EXCEEDED ERROR(${late})`,
          `    user failed error.type=ERR_DEADLINE_EXCEEDED ERROR(${late})`,
          `      * exception DeadlineExceededError ${late}`,
          '      user profile canceled',
          '  page orders canceled',
        );
      });
    });

    it('in the outer service where the inner run has none: it is not traced, or it was canceled', () => {
      const untraced = aggregate({ profile: failing(boom) }, quiet);
      aggregate({ untraced }, ...named('first'))(background).subscribe(ignored);
      const inner = aggregate({ profile: () => of(1) }, ...named('user'));
      const canceled = () => inner({ signal: AbortSignal.abort() });
      aggregate({ canceled }, ...named('second'))(background).subscribe(ignored);
      expect(exceptions()).to.deep.equal([
        'first untraced: {"exception.type":"ServiceError","exception.message":"profile: Error"}',
        'second canceled: {"exception.type":"CanceledError","exception.message":"context canceled"}',
      ]);
    });

    it('once, though it was wrapped on its way', () => {
      const user = aggregate({ profile: failing(boom) }, ...named('user'));
      const wrapped = (ctx: Context) =>
        user(ctx).pipe(
          catchError((cause: unknown) => {
            throw new Error('no user', { cause: new Error('still none', { cause }) });
          }),
        );
      aggregate({ wrapped }, ...named('page'))(background).subscribe(ignored);
      expect(exceptions()).to.deep.equal(['user profile: {"exception.type":"Error"}']);
    });

    it('of each failure, though it is the same error: in each attempt, in each run', () => {
      const user = aggregate({ profile: failing(boom) }, ...named('user'));
      const page = aggregate({ user: (ctx) => user(ctx).pipe(retry(1)) }, ...named('page'));
      page(background).subscribe(ignored);
      page(background).subscribe(ignored);
      expect(exceptions()).to.have.length(4);
    });

    it('in each trace that a shared run ends, once', () => {
      marbles(({ cold, flush }) => {
        const flight = singleFlight(aggregate({ profile: () => cold('-#') }, ...named('user')));
        for (const name of ['first', 'second']) {
          aggregate({ a: flight, b: flight }, ...named(name))(background).subscribe(ignored);
        }
        flush();
        expect(exceptions().map((exception) => exception.replace(/:.*/, ''))).to.deep.equal([
          'user profile', // without a context manager, what is shared is a trace of its own
          'first a',
          'second a',
        ]);
      });
    });

    it('of a cause that is null', () => {
      aggregate({ a: failing(new Error('boom', { cause: null })) }, ...named('run'))(background).subscribe(ignored);
      expect(exceptions()).to.deep.equal(['run a: {"exception.type":"Error"}']);
    });

    it('in the outer service where the inner run is not sampled', () => {
      const tracer = exported.provider.getTracer('a test');
      const startSpan: typeof tracer.startSpan = (...[name, options, outside]) => {
        const span = tracer.startSpan(name, options, outside);
        return name === 'user' ? trace.wrapSpanContext(span.spanContext()) : span;
      };
      const tracing = withTracing({ startSpan } as never);
      const user = aggregate({ profile: failing(boom) }, quiet, withName('user'), tracing);
      aggregate({ user }, quiet, withName('page'), tracing)(background).subscribe(ignored);
      expect(exceptions().map((exception) => exception.replace(/:.*/, ''))).to.deep.equal(['page user']);
    });

    it('of causes that go round in a circle', () => {
      const one = new Error('one');
      one.cause = new Error('two', { cause: one });
      aggregate({ a: failing(one) }, ...named('run'))(background).subscribe(ignored);
      expect(exceptions()).to.have.length(1);
    });

    it('without a word that is not our own, and without a stack', () => {
      const secret = 'http://alice:secret@api.test/?token=secret';
      const foreign = Object.assign(new TypeError(`cannot fetch ${secret}`), { code: 'ERR_INVALID_URL' });
      const issue = { message: `not ${secret}`, path: ['name'] };
      const network = { method: 'GET', url: 'http://api.test/' };
      for (const error of [
        foreign,
        secret,
        new NetworkError({ reason: 'no answer', ...network, cause: foreign }),
        new HttpError({ ...network, status: 503, body: secret }),
        new ValidationError({ issues: [issue] }),
      ]) {
        aggregate({ a: failing(error) }, ...named('run'))(background).subscribe(ignored);
      }
      const says = exported.spans.map(({ attributes, events, status }) => ({ attributes, events, status }));
      expect(JSON.stringify(says)).not.to.include('secret');
      expect(exceptions()).to.deep.equal([
        'run a: {"exception.type":"TypeError","exception.message":"ERR_INVALID_URL"}',
        'run a: {"exception.type":"string"}',
        'run a: {"exception.type":"NetworkError","exception.message":"no answer from GET http://api.test/"}',
        'run a: {"exception.type":"HttpError","exception.message":"HTTP 503 from GET http://api.test/"}',
        'run a: {"exception.type":"ValidationError","exception.message":"invalid name"}',
      ]);
    });

    for (const [type, error] of [
      ['503', new HttpError({ status: 503, method: 'GET', url: 'http://api.test/' })],
      ['ERR_NETWORK', new NetworkError({ reason: 'no answer', method: 'GET', url: 'http://api.test/' })],
      ['ENOENT', Object.assign(new Error('no file'), { code: 'ENOENT' })],
      ['TimeoutError', new DOMException('late', 'TimeoutError')],
      ['undefined', undefined],
      ['Error', Object.assign(new Error('nameless'), { name: '' })],
    ] as const) {
      it(`whose error.type is ${type}, of the service and of the run`, () => {
        aggregate({ a: failing(error) }, ...named('run'))(background).subscribe(ignored);
        expect(exported.spans.map(({ attributes }) => attributes['error.type'])).to.deep.equal([type, type]);
      });
    }
  });
});

describe('withMetrics', () => {
  let measured: Measuring;
  beforeEach(() => {
    measured = measuring();
  });
  const named = (name: string) => [quiet, withName(name), withMetrics(measured.provider.getMeter('a test'))] as const;
  const active = async (): Promise<string[]> => (await measured.lines()).filter((line) => line.startsWith('active'));

  it('measures runs and services by aggregate, service and outcome', async () => {
    marbles(({ cold, flush }) => {
      const http = new HttpError({ status: 503, method: 'GET', url: 'http://api.test/' });
      const outcomes: readonly Observable<unknown>[] = [cold('---a|'), cold('---#', undefined, http)];
      for (const orders of outcomes) {
        const ask = aggregate({ profile: () => cold('-a|'), orders: () => orders }, ...named('dashboard'));
        ask(background).subscribe(ignored);
        ask(background).subscribe().unsubscribe();
      }
      flush();
    });
    const [dashboard, profile, orders] = ['', ' service.name=profile', ' service.name=orders'].map(
      (service) => `aggregate.name=dashboard${service}`,
    );
    expect(await measured.lines()).to.have.members([
      `run.duration ${dashboard!} outcome=succeeded 1 in 0.004 s`,
      `run.duration ${dashboard!} outcome=failed error.type=503 1 in 0.003 s`,
      `run.duration ${dashboard!} outcome=canceled 2 in 0 s`,
      `active_runs ${dashboard!} 0`,
      `service.duration ${profile!} outcome=succeeded 2 in 0.004 s`,
      `service.duration ${orders!} outcome=succeeded 1 in 0.004 s`,
      `service.duration ${orders!} outcome=failed error.type=503 1 in 0.003 s`,
      `service.duration ${profile!} outcome=canceled 2 in 0 s`,
      `service.duration ${orders!} outcome=canceled 2 in 0 s`,
      `active_services ${profile!} 0`,
      `active_services ${orders!} 0`,
    ]);
  });

  it('counts what is in flight, and nothing that waits', async () => {
    const ask = aggregate({ profile: () => NEVER, orders: () => NEVER }, ...named('dashboard'), withConcurrency(1));
    const subscription = ask(background).subscribe();
    subscription.add(ask(background).subscribe());
    const inFlight = (n: number): string[] => [
      `active_runs aggregate.name=dashboard ${String(n)}`,
      `active_services aggregate.name=dashboard service.name=profile ${String(n)}`,
    ];
    expect(await active()).to.deep.equal(inFlight(2));
    subscription.unsubscribe();
    expect(await active()).to.deep.equal(inFlight(0));
  });

  it('counts the time of a service from its own start, not from that of the run', async () => {
    marbles(({ cold, flush }) => {
      const services = { first: () => cold('--a|'), second: () => cold('-a|') };
      aggregate(services, ...named('run'), withConcurrency(1))(background).subscribe();
      flush();
    });
    expect((await measured.lines()).filter((line) => line.includes('duration'))).to.deep.equal([
      'run.duration aggregate.name=run outcome=succeeded 1 in 0.005 s',
      'service.duration aggregate.name=run service.name=first outcome=succeeded 1 in 0.003 s',
      'service.duration aggregate.name=run service.name=second outcome=succeeded 1 in 0.002 s',
    ]);
  });

  it('measures no time backwards where the wall clock jumps', async () => {
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
    const durations = (await measured.lines()).filter((line) => line.includes('duration'));
    expect(durations).to.include('service.duration aggregate.name=run service.name=second outcome=succeeded 1 in 0 s');
  });

  it('comes back to nothing in flight after whatever ending', async () => {
    const controller = new AbortController();
    const aborting = (what: string): void => {
      const own = new AbortController();
      const ask = aggregate({ a: () => of(1), b: () => NEVER }, withEvents(ending(own, what)), ...named('run'));
      ask({ signal: own.signal }).subscribe(ignored);
    };
    marbles(({ flush }) => {
      const run = (ctx: Context, ...services: (() => Observable<unknown>)[]) =>
        aggregate(services, ...named('run'), withTimeout(5))(ctx).subscribe(ignored);
      run(background, () => of(1));
      run(
        background,
        () => NEVER,
        () => throwError(() => boom),
        () => NEVER,
      );
      run(
        background,
        () => NEVER,
        () => NEVER,
      );
      run({ signal: AbortSignal.abort() }, () => NEVER);
      run({ deadline: NaN }, () => NEVER);
      run({ deadline: -1 }, () => NEVER);
      run({ signal: controller.signal }, () => NEVER);
      run(background, () => NEVER).unsubscribe();
      run(background, () => new Observable(() => () => { throw boom; })).unsubscribe(); // prettier-ignore
      controller.abort();
      flush();
    });
    for (const what of ['started a', 'succeeded a', 'started b']) aborting(what);
    const lines = await active();
    expect(lines).to.have.length.above(2);
    expect(lines.filter((line) => !line.endsWith(' 0'))).to.deep.equal([]);
  });

  it('has one time series for the services that have no name', async () => {
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

  it('keeps the names that only hold a number in brackets', async () => {
    const services = Object.fromEntries(['[10]', '[1]st', 'a[1]'].map((name) => [name, () => of(1)]));
    marbles(() => {
      aggregate(services, ...named('run'))(background).subscribe();
    });
    const lines = (await measured.lines()).filter((line) => line.startsWith('active_services'));
    expect(lines.map((line) => /service\.name=(\S+)/.exec(line)?.[1])).to.deep.equal(['[]', '[1]st', 'a[1]']);
  });

  it('has the units, the bounds and the descriptions that people read', async () => {
    aggregate({ a: () => of(1) }, ...named('run'))(background).subscribe();
    const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
    expect(await measured.instruments()).to.deep.equal([
      { name: 'forkfast.run.duration', description: 'How long a run took.', unit: 's', boundaries },
      { name: 'forkfast.active_runs', description: 'The runs in flight.', unit: '{run}' },
      { name: 'forkfast.service.duration', description: 'How long a service took.', unit: 's', boundaries },
      { name: 'forkfast.active_services', description: 'The services in flight.', unit: '{service}' },
    ]);
  });

  it('measures once, however often it is said', async () => {
    marbles(() => {
      aggregate({}, ...named('run'), ...named('run'))(background).subscribe();
    });
    expect(await measured.lines()).to.deep.equal([
      'run.duration aggregate.name=run outcome=succeeded 1 in 0 s',
      'active_runs aggregate.name=run 0',
    ]);
  });

  it('takes the provider that is registered when a run starts; a run that was in flight counts for neither', async () => {
    const gate = new Subject<number>();
    const services = { a: () => gate, queued: () => NEVER };
    const ask = aggregate(services, quiet, withConcurrency(1), withMetrics());
    const early = ask(background).subscribe();
    metrics.setGlobalMeterProvider(measured.provider);
    gate.next(1);
    gate.complete();
    const late = aggregate({ a: () => NEVER }, quiet, withMetrics())(background).subscribe();
    early.unsubscribe();
    expect(await active()).to.deep.equal([
      'active_runs aggregate.name=aggregate 1',
      'active_services aggregate.name=aggregate service.name=a 1',
    ]);
    metrics.disable();
    late.unsubscribe();
    expect((await active()).every((line) => line.endsWith(' 0'))).to.equal(true);
  });
});

describe('propagateTrace', () => {
  const { provider } = exporting();
  const tracing = [quiet, withTracing(provider.getTracer('a test'))] as const;
  afterEach(() => {
    propagation.disable();
  });
  const use = (propagator: TextMapPropagator): void => {
    propagation.setGlobalPropagator(propagator);
  };
  /** What a service of a traced run is propagating. */
  const propagated = (propagate: Record<string, string>): unknown => {
    let sent: Context = background;
    const a = (ctx: Context) => of((sent = propagateTrace(ctx)));
    aggregate({ a }, ...tracing)({ propagate }).subscribe();
    return sent.propagate;
  };
  const other = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;

  it('leaves the context as it is without a span or a propagator', () => {
    const ctx = { propagate: { traceparent: other } };
    expect(propagateTrace(ctx)).to.equal(ctx);
    expect(propagated(ctx.propagate)).to.deep.equal(ctx.propagate);
    use(new W3CTraceContextPropagator());
    expect(propagateTrace(ctx)).to.equal(ctx);
  });

  it('keeps all else of the context, with the type that it has', () => {
    use(new W3CTraceContextPropagator());
    const seen: unknown[] = [];
    const a = (ctx: Context & { readonly tenant: string }) => {
      const { propagate, ...rest } = propagateTrace(ctx);
      seen.push(rest.tenant, rest.signal === ctx.signal, Object.keys(propagate ?? {}));
      return of(1);
    };
    aggregate({ a }, ...tracing)({ tenant: 'acme', propagate: { 'x-id': '7' } }).subscribe();
    expect(seen).to.deep.equal(['acme', true, ['x-id', 'traceparent']]);
  });

  it('replaces what came with the caller, in whatever case, and what belongs to it', () => {
    use(new W3CTraceContextPropagator());
    const sent = propagated({ TraceParent: other, Tracestate: 'vendor=1', baggage: 'tenant=acme', 'x-id': '7' });
    expect(sent).to.have.all.keys('baggage', 'x-id', 'traceparent');
    expect(sent).to.have.property('traceparent').that.matches(/^00-/).and.does.not.equal(other);
  });

  it('lets baggage be where the propagator has none to write', () => {
    const theirs = { Baggage: 'theirs', 'x-trace': 'theirs', 'x-trace-state': 'theirs' };
    for (const [written, expected] of [
      [{ 'X-Trace': 'ours' }, { Baggage: 'theirs', 'X-Trace': 'ours' }],
      [
        { 'X-Trace': 'ours', baggage: 'ours' },
        { 'X-Trace': 'ours', baggage: 'ours' },
      ],
    ]) {
      propagation.disable();
      use({
        fields: () => ['X-Trace', 'X-Trace-State', 'baggage'],
        inject: (_context, carrier) => Object.assign(carrier as object, written),
        extract: (context) => context,
      });
      expect(propagated(theirs)).to.deep.equal(expected);
    }
  });

  it('names the span of the service, and of the run where the service has subscribed already', () => {
    marbles(({ flush }) => {
      use(new W3CTraceContextPropagator());
      const traced = exporting();
      const sent: (string | undefined)[] = [];
      const send = (ctx: Context) => sent.push(propagateTrace(ctx).propagate?.['traceparent']);
      const a = (ctx: Context) => {
        send(ctx);
        return timer(1).pipe(map(() => send(ctx)));
      };
      aggregate({ a }, quiet, withTracing(traced.provider.getTracer('a test')))(background).subscribe();
      flush();
      expect(sent).to.deep.equal(
        traced.spans.map((span) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`),
      );
    });
  });
});
