import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { NEVER, type Observable, of, switchMap, throwError, timer } from 'rxjs';
import { aggregate, aggregateEach, background, type Context, withConcurrency, withEvents, withName } from 'forkfast';
import { withTracing } from 'forkfast/opentelemetry';
import manifest from '../../../package.json' with { type: 'json' };
import { marbles } from '../../../lib/testing/index.ts';
import { abortingAt } from '../../support/aborting.ts';
import { type Exporting, exporting } from '../../support/exported.ts';

const boom = new Error('boom');
const ignored = { error: () => undefined };

describe('withTracing', () => {
  let exported: Exporting;
  beforeEach(() => {
    exported = exporting();
  });
  const named = (name: string) => [withName(name), withTracing(exported.provider.getTracer('a test'))] as const;
  const expectTree = (...lines: string[]): void => {
    expect(exported.tree()).to.equal(lines.join('\n'));
  };

  it('exports a span for a run and for each service, with names, outcome and elapsed time', () => {
    marbles(({ cold, flush }) => {
      const services = { profile: () => cold('--a|'), orders: () => cold('-#') };
      aggregate(services, ...named('dashboard'))(background).subscribe(ignored);
      flush();
      const dashboard = { 'forkfast.aggregate.name': 'dashboard', 'forkfast.elapsed': 1 };
      const failed = { 'forkfast.outcome': 'failed', 'error.type': 'string' };
      const kind = SpanKind.INTERNAL;
      expect(exported.spans.map(({ name, kind, attributes }) => ({ name, kind, attributes }))).to.deep.equal([
        {
          name: 'dashboard orders',
          kind,
          attributes: { ...dashboard, 'forkfast.service.name': 'orders', ...failed },
        },
        {
          name: 'dashboard profile',
          kind,
          attributes: { ...dashboard, 'forkfast.service.name': 'profile', 'forkfast.outcome': 'canceled' },
        },
        { name: 'dashboard', kind, attributes: { ...dashboard, ...failed } },
      ]);
      expect(exported.spans.map(({ status }) => status)).to.deep.equal([
        { code: SpanStatusCode.ERROR, message: 'string' },
        { code: SpanStatusCode.UNSET },
        { code: SpanStatusCode.ERROR, message: 'orders: string' },
      ]);
      const [orders, profile, run] = exported.spans;
      expect(orders?.events.map(({ name, attributes }) => ({ name, attributes }))).to.deep.equal([
        { name: 'exception', attributes: { 'exception.type': 'string' } },
      ]);
      expect([profile?.events, run?.events]).to.deep.equal([[], []]);
    });
  });

  it('leaves the status of a success unset', () => {
    aggregate({ a: () => of(1), b: () => of(2) }, ...named('run'))(background).subscribe();
    expectTree('run succeeded', '  run a succeeded', '  run b succeeded');
  });

  it('uses the clock of the SDK, as other spans do: virtual times would be in 1970', () => {
    const before = Math.floor(Date.now() / 1_000);
    marbles(({ flush }) => {
      aggregate({ a: () => timer(5) }, ...named('run'))(background).subscribe();
      flush();
    });
    expect(exported.spans).to.have.length(2);
    for (const { startTime } of exported.spans) expect(startTime[0]).to.be.at.least(before);
  });

  it('names and versions its instrumentation scope as the package', () => {
    trace.setGlobalTracerProvider(exported.provider);
    aggregate({}, withTracing())(background).subscribe();
    trace.disable();
    const { name, version } = manifest;
    expect(exported.spans[0]?.instrumentationScope).to.include({ name, version });
  });

  it('has one span name for the inputs of aggregateEach, and the index as an attribute', () => {
    aggregateEach((_ctx, id: number) => of(id), ...named('each'))(background, [1, 2]).subscribe();
    expectTree('each succeeded', '  each [] succeeded', '  each [] succeeded');
    expect(exported.spans.map(({ attributes }) => attributes['forkfast.service.name'])).to.deep.equal([
      '[0]',
      '[1]',
      undefined,
    ]);
  });

  it('replaces an earlier withTracing, and no other sink', () => {
    const other = exporting();
    const first = withTracing(other.provider.getTracer('first'));
    let events = 0;
    aggregate({}, first, withEvents({ next: () => events++ }), first, ...named('run'))(background).subscribe();
    expectTree('run succeeded');
    expect(other.spans).to.have.length(0);
    expect(events).to.equal(2);
  });

  it('creates no spans for the services of a run that is not sampled', () => {
    const names: string[] = [];
    const notSampled = trace.wrapSpanContext(exported.provider.getTracer('a test').startSpan('other').spanContext());
    const tracer = {
      startSpan: (name: string) => {
        names.push(name);
        return notSampled;
      },
    };
    const tracing = withTracing(tracer as never);
    aggregate({ a: () => of(1), b: () => throwError(() => boom) }, tracing)(background).subscribe(ignored);
    expect(names).to.deep.equal(['aggregate']);
  });

  describe('ends the span', () => {
    it('of a run and a service whose caller unsubscribes, without an error; the queued service has none', () => {
      const options = [...named('run'), withConcurrency(1)];
      aggregate(
        { a: () => NEVER, b: () => NEVER },
        ...options,
      )(background)
        .subscribe()
        .unsubscribe();
      expectTree('run canceled', '  run a canceled');
    });

    it('of a run that ends before it calls a service', () => {
      const run = aggregate({ a: () => of(1) }, ...named('run'));
      marbles(() => {
        for (const ctx of [{ signal: AbortSignal.abort() }, { deadline: 0 }, { deadline: NaN }]) {
          run(ctx).subscribe(ignored);
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

    for (const [moment, ...tree] of [
      ['started a', 'run canceled'],
      ['succeeded a', 'run canceled', '  run a canceled'],
    ] as const) {
      it(`of a run that an earlier sink ends during "${moment}"`, () => {
        const controller = new AbortController();
        const aborting = withEvents(abortingAt(moment, controller));
        const run = aggregate({ a: () => of(1), b: () => NEVER }, aborting, ...named('run'));
        run({ signal: controller.signal }).subscribe(ignored);
        expectTree(...tree);
      });
    }

    it('at the end of the run, not at a teardown that throws', () => {
      const [sink] = withTracing(exported.provider.getTracer('a test'))({ sinks: [] } as never).sinks;
      const event = { run: -1, name: 'run', at: 0, elapsed: 0, ctx: background };
      for (const type of ['started', 'teardown-failed', 'succeeded'] as const) {
        sink!.next({ ...event, type, error: boom });
      }
      expectTree('run succeeded');
    });

    it('even if the error has no name that can be read', () => {
      const hostile = Object.defineProperty(new Error('hostile'), 'name', {
        get: () => {
          throw boom;
        },
      });
      aggregate({ a: () => throwError(() => hostile) }, ...named('run'))(background).subscribe(ignored);
      expectTree(
        'run failed error.type=Error ERROR(a: Error)',
        '  run a failed error.type=Error ERROR(Error)',
        '    * exception Error',
      );
    });
  });

  describe('without a context manager, nests the span of an inner run', () => {
    const user = () => aggregate({ profile: () => of('Alice') }, ...named('user'));
    const late = (ctx: Context): Observable<unknown> => timer(1).pipe(switchMap(() => user()(ctx)));

    it('under the service in which the run was started', () => {
      aggregate({ user: user(), friend: user() }, ...named('page'))(background).subscribe();
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

    it('under the outer run if the run was started later', () => {
      marbles(({ flush }) => {
        aggregate({ late }, ...named('page'))(background).subscribe();
        flush();
        expectTree('page succeeded', '  page late succeeded', '  user succeeded', '    user profile succeeded');
      });
    });

    it('under the outer run, not under a service with an empty name', () => {
      marbles(({ cold, flush }) => {
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

    it('under nothing if the outer run is not traced', () => {
      aggregate({ user: user() })(background).subscribe();
      expectTree('user succeeded', '  user profile succeeded');
    });
  });
});
