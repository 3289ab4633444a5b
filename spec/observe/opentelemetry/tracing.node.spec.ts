import { context, createContextKey, propagation, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { hrTimeToNanoseconds, W3CTraceContextPropagator } from '@opentelemetry/core';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import { expect } from 'chai';
import type { ServerResponse } from 'node:http';
import { firstValueFrom, of, retry, Subject, switchMap } from 'rxjs';
import {
  aggregate,
  backoff,
  background,
  CanceledError,
  type Context,
  DeadlineExceededError,
  fetchJson,
  type Service,
  ServiceError,
  singleFlight,
  url,
  withConcurrency,
  withName,
  withTimeout,
} from 'forkfast';
import { propagateTrace, withTracing } from 'forkfast/opentelemetry';
import { type Exporting, exporting } from '../../support/exported.ts';
import { failureOf } from '../../support/failure.ts';
import { closeServers, serve } from '../../support/servers.ts';

const named = (name: string) => [withTracing(), withName(name)] as const;

describe('withTracing, with a context manager and an instrumented fetch,', function () {
  this.timeout(20_000);
  let unload: () => void;
  let exported: Exporting;
  /** The `traceparent` headers of the requests. */
  let traceparents: unknown[];

  before(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  });
  after(() => {
    context.disable();
    propagation.disable();
  });
  const exportTo = (to: Exporting): void => {
    exported = to;
    trace.setGlobalTracerProvider(to.provider);
    unload = registerInstrumentations({ instrumentations: [new UndiciInstrumentation()] });
  };
  const reset = (): void => {
    unload();
    trace.disable();
  };
  beforeEach(() => {
    traceparents = [];
    exportTo(exporting());
  });
  afterEach(async () => {
    reset();
    await closeServers();
  });

  /** A service that requests `path` from a new server. `asked` resolves when the request has arrived. */
  const upstream = async (
    path: string,
    respond: (response: ServerResponse) => void = (response) => response.end('{}'),
  ): Promise<Service<void, unknown> & { readonly asked: Promise<void> }> => {
    const server = await serve((request, response) => {
      traceparents.push(request.headers['traceparent']);
      respond(response);
    });
    const service = (ctx: Context) => fetchJson(ctx, url`${server.url}/${path}`);
    return Object.assign(service, { asked: server.requested });
  };
  const never = (): void => undefined;
  const status = (code: number) => (response: ServerResponse) => response.writeHead(code).end();

  /**
   * Expects these spans, in one trace. No span starts before its parent, and each request names its own span as the
   * parent.
   */
  const expectTree = async (...lines: string[]): Promise<void> => {
    await exported.ended(lines.filter((line) => !line.trim().startsWith('*')).length);
    expect(exported.tree()).to.equal(lines.join('\n'));
    const { spans } = exported;
    const ids = new Map(spans.map((span) => [span.spanContext().spanId, span]));
    expect(new Set(spans.map((span) => span.spanContext().traceId))).to.have.property('size', 1);
    for (const span of spans) {
      const parent = ids.get(span.parentSpanContext?.spanId ?? '') ?? span;
      expect(hrTimeToNanoseconds(span.startTime)).to.be.at.least(hrTimeToNanoseconds(parent.startTime));
    }
    const requests = spans.filter(({ kind }) => kind === SpanKind.CLIENT).map((span) => span.spanContext());
    expect(traceparents).to.have.members(requests.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`));
  };

  it('nests requests under their service, and the work that follows the run under the caller', async () => {
    const [profile, orders, audit] = await Promise.all(['profile', 'orders', 'audit'].map((path) => upstream(path)));
    const dashboard = aggregate({ profile: profile!, orders: orders! }, ...named('dashboard'));
    const request = trace.getTracer('a server').startSpan('GET /users/:id');
    await context.with(trace.setSpan(context.active(), request), () =>
      firstValueFrom(dashboard(background).pipe(switchMap(() => audit!(background)))),
    );
    request.end();
    await expectTree(
      'GET /users/:id',
      '  dashboard succeeded',
      '    dashboard profile succeeded',
      '      GET /profile 200',
      '    dashboard orders succeeded',
      '      GET /orders 200',
      '  GET /audit 200',
    );
  });

  it('Domino Effect: records the exception where it happened, and the sibling as canceled', async () => {
    const orders = await upstream('orders', never);
    const profile = await upstream('profile', (response) => {
      void orders.asked.then(() => {
        status(500)(response);
      });
    });
    await failureOf(aggregate({ profile, orders }, ...named('dashboard'))(background), ServiceError);
    await expectTree(
      'dashboard failed error.type=500 ERROR(profile: HTTP 500 from GET http://upstream/profile)',
      '  dashboard profile failed error.type=500 ERROR(HTTP 500 from GET http://upstream/profile)',
      '    * exception HttpError HTTP 500 from GET http://upstream/profile',
      '    GET /profile 500 error.type=500 ERROR()',
      '  dashboard orders canceled',
      '    GET /orders',
    );
  });

  it('Slow Poke: records the deadline as the exception of the run', async () => {
    const [profile, orders] = await Promise.all([upstream('profile'), upstream('orders', never)]);
    const dashboard = aggregate({ profile, orders }, ...named('dashboard'), withTimeout(1_000));
    const { message } = await failureOf(dashboard(background), DeadlineExceededError);
    await expectTree(
      `dashboard failed error.type=ERR_DEADLINE_EXCEEDED ERROR(${message})`,
      `  * exception DeadlineExceededError ${message}`,
      '  dashboard profile succeeded',
      '    GET /profile 200',
      '  dashboard orders canceled',
      '    GET /orders',
    );
  });

  it('nests aggregates, and each attempt of a retry, across timers', async () => {
    let requests = 0;
    const orders = await upstream('orders');
    const profile = await upstream('profile', (response) => {
      if (++requests < 3) status(503)(response);
      else response.end('{}');
    });
    const again = (ctx: Context) => retry<unknown>({ count: 1, delay: backoff(ctx, { initialDelay: 1 }) });
    const user = aggregate({ profile: (ctx) => profile(ctx).pipe(again(ctx)) }, ...named('user'));
    const page = aggregate({ user: (ctx) => user(ctx).pipe(again(ctx)), orders }, ...named('page'));
    await firstValueFrom(page(background));
    await expectTree(
      'page succeeded',
      '  page user succeeded',
      '    user failed error.type=503 ERROR(profile: HTTP 503 from GET http://upstream/profile)',
      '      user profile failed error.type=503 ERROR(HTTP 503 from GET http://upstream/profile)',
      '        * exception HttpError HTTP 503 from GET http://upstream/profile',
      '        GET /profile 503 error.type=503 ERROR()',
      '        GET /profile 503 error.type=503 ERROR()',
      '    user succeeded',
      '      user profile succeeded',
      '        GET /profile 200',
      '  page orders succeeded',
      '    GET /orders 200',
    );
  });

  it('marks nothing as an error if the caller cancels', async () => {
    const [profile, orders] = await Promise.all([upstream('profile', never), upstream('orders', never)]);
    const user = aggregate({ profile }, ...named('user'));
    const controller = new AbortController();
    const canceled = failureOf(
      aggregate({ user, orders }, ...named('page'))({ signal: controller.signal }),
      CanceledError,
    );
    await Promise.all([profile.asked, orders.asked]);
    controller.abort();
    await canceled;
    await expectTree(
      'page canceled',
      '  page user canceled',
      '    user canceled',
      '      user profile canceled',
      '        GET /profile',
      '  page orders canceled',
      '    GET /orders',
    );
  });

  it('nests a queued service under its run, not under the service that it has waited for', async () => {
    const [profile, orders] = await Promise.all([upstream('profile'), upstream('orders')]);
    await firstValueFrom(aggregate({ profile, orders }, ...named('dashboard'), withConcurrency(1))(background));
    await expectTree(
      'dashboard succeeded',
      '  dashboard profile succeeded',
      '    GET /profile 200',
      '  dashboard orders succeeded',
      '    GET /orders 200',
    );
  });

  it('nests a shared request under the service that started it', async () => {
    const profile = singleFlight(await upstream('profile'));
    const page = aggregate(
      { header: aggregate({ profile }, ...named('header')), footer: aggregate({ profile }, ...named('footer')) },
      ...named('page'),
    );
    await firstValueFrom(page(background));
    await expectTree(
      'page succeeded',
      '  page header succeeded',
      '    header succeeded',
      '      header profile succeeded',
      '        GET /profile 200',
      '  page footer succeeded',
      '    footer succeeded',
      '      footer profile succeeded',
    );
  });

  it('records a shared failure once in each trace that it fails', async () => {
    const flight = singleFlight(aggregate({ profile: await upstream('profile', status(404)) }, ...named('user')));
    const run = (name: string) => failureOf(aggregate({ flight }, ...named(name))(background), ServiceError);
    await Promise.all([run('first'), run('second')]);
    await exported.ended(7);
    const message = 'HTTP 404 from GET http://upstream/profile';
    expect(exported.tree()).to.equal(
      [
        `first failed error.type=404 ERROR(flight.profile: ${message})`,
        `  first flight failed error.type=404 ERROR(profile: ${message})`,
        `    user failed error.type=404 ERROR(profile: ${message})`,
        `      user profile failed error.type=404 ERROR(${message})`,
        `        * exception HttpError ${message}`,
        '        GET /profile 404 error.type=404 ERROR()',
        `second failed error.type=404 ERROR(flight.profile: ${message})`,
        `  second flight failed error.type=404 ERROR(profile: ${message})`,
        `    * exception ServiceError profile: ${message}`,
      ].join('\n'),
    );
  });

  it('notifies the subscriber in its own context, whoever ends the run', async () => {
    const key = createContextKey('user');
    const gate = new Subject<number>();
    const dashboard = aggregate({ gate: () => gate }, ...named('dashboard'));
    const received: unknown[] = [];
    context.with(context.active().setValue(key, 'the subscriber'), () => {
      const record = (what: string) => () => received.push(what, context.active().getValue(key), trace.getActiveSpan());
      dashboard(background).subscribe({ next: record('next'), complete: record('complete') });
    });
    context.with(context.active().setValue(key, 'another user'), () => {
      gate.next(1);
      gate.complete();
    });
    expect(received).to.deep.equal(['next', 'the subscriber', undefined, 'complete', 'the subscriber', undefined]);
    await expectTree('dashboard succeeded', '  dashboard gate succeeded');
  });

  it('leaves the context as it is if the tracer throws', () => {
    const key = createContextKey('user');
    const tracer = {
      startSpan: () => {
        throw new Error('no span');
      },
    };
    const received: unknown[] = [];
    const a = () => of(context.active().getValue(key));
    const dashboard = aggregate({ a }, withTracing(tracer as never));
    context.with(context.active().setValue(key, 'the subscriber'), () => {
      dashboard(background).subscribe(({ a }) => received.push(a, context.active().getValue(key)));
    });
    expect(received).to.deep.equal(['the subscriber', 'the subscriber']);
  });

  it('exports nothing for a run that is not sampled, and propagates that decision upstream', async () => {
    reset();
    exportTo(exporting({ sampler: new AlwaysOffSampler() }));
    const profile = await upstream('profile');
    await firstValueFrom(aggregate({ profile }, ...named('dashboard'))(background));
    expect(traceparents).to.have.length(1);
    expect(traceparents[0]).to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(exported.spans).to.deep.equal([]);
  });

  it('uses the provider that is registered when a run starts, not when the aggregate was created', async () => {
    reset();
    const dashboard = aggregate({ profile: () => of(1) }, ...named('dashboard'));
    await firstValueFrom(dashboard(background));
    for (let time = 0; time < 2; time++) {
      reset();
      exportTo(exporting());
      await firstValueFrom(dashboard(background));
      await expectTree('dashboard succeeded', '  dashboard profile succeeded');
    }
  });

  it('sends the span of the service upstream with propagateTrace, if fetch is not instrumented', async () => {
    unload();
    const profile = await upstream('profile');
    const dashboard = aggregate({ profile: (ctx) => profile(propagateTrace(ctx)) }, ...named('dashboard'));
    await firstValueFrom(dashboard({ propagate: { Traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` } }));
    const { traceId, spanId } = exported.spans[0]!.spanContext();
    expect(exported.tree()).to.equal('dashboard succeeded\n  dashboard profile succeeded');
    expect(traceparents).to.deep.equal([`00-${traceId}-${spanId}-01`]);
  });
});
