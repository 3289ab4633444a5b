import { propagation, type TextMapPropagator } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { expect } from 'chai';
import { map, of, timer } from 'rxjs';
import { aggregate, background, type Context } from 'forkfast';
import { propagateTrace, withTracing } from 'forkfast/opentelemetry';
import { marbles } from '../../../lib/testing/index.ts';
import { exporting } from '../../support/exported.ts';

describe('propagateTrace', () => {
  const tracing = withTracing(exporting().provider.getTracer('a test'));
  afterEach(() => {
    propagation.disable();
  });
  const use = (propagator: TextMapPropagator): void => {
    propagation.setGlobalPropagator(propagator);
  };
  /** The headers that a service of a traced run propagates, if its caller passes `propagate`. */
  const propagated = (propagate: Record<string, string>): unknown => {
    let inner: Context = background;
    const a = (ctx: Context) => of((inner = propagateTrace(ctx)));
    aggregate({ a }, tracing)({ propagate }).subscribe();
    return inner.propagate;
  };
  const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;

  it('returns the context itself without a span or a propagator', () => {
    const ctx = { propagate: { traceparent } };
    expect(propagateTrace(ctx)).to.equal(ctx);
    expect(propagated(ctx.propagate)).to.deep.equal(ctx.propagate);
    use(new W3CTraceContextPropagator());
    expect(propagateTrace(ctx)).to.equal(ctx);
  });

  it('keeps all other fields of the context, and its type', () => {
    use(new W3CTraceContextPropagator());
    const seen: unknown[] = [];
    const a = (ctx: Context & { readonly tenant: string }) => {
      const { propagate, ...rest } = propagateTrace(ctx);
      seen.push(rest.tenant, rest.signal === ctx.signal, Object.keys(propagate ?? {}));
      return of(1);
    };
    aggregate({ a }, tracing)({ tenant: 'acme', propagate: { 'x-id': '7' } }).subscribe();
    expect(seen).to.deep.equal(['acme', true, ['x-id', 'traceparent']]);
  });

  it('replaces the trace headers of the caller, in any case, and no other header', () => {
    use(new W3CTraceContextPropagator());
    const caller = { TraceParent: traceparent, Tracestate: 'vendor=1', baggage: 'tenant=acme', 'x-id': '7' };
    const sent = propagated(caller);
    expect(sent).to.have.all.keys('baggage', 'x-id', 'traceparent');
    expect(sent).to.have.property('traceparent').that.matches(/^00-/).and.does.not.equal(traceparent);
  });

  for (const [what, written, expected] of [
    ['keeps the baggage', { 'X-Trace': 'ours' }, { Baggage: 'theirs', 'X-Trace': 'ours' }],
    ['replaces it', { 'X-Trace': 'ours', baggage: 'ours' }, { 'X-Trace': 'ours', baggage: 'ours' }],
  ] as const) {
    it(`${what} if the propagator writes ${JSON.stringify(written)}`, () => {
      use({
        fields: () => ['X-Trace', 'X-Trace-State', 'baggage'],
        inject: (_context, carrier) => Object.assign(carrier as object, written),
        extract: (context) => context,
      });
      expect(propagated({ Baggage: 'theirs', 'x-trace': 'theirs', 'x-trace-state': 'theirs' })).to.deep.equal(expected);
    });
  }

  it('names the span of the service while it is called, and the span of the run after that', () => {
    marbles(({ flush }) => {
      use(new W3CTraceContextPropagator());
      const traced = exporting();
      const sent: (string | undefined)[] = [];
      const send = (ctx: Context) => sent.push(propagateTrace(ctx).propagate?.['traceparent']);
      const a = (ctx: Context) => {
        send(ctx);
        return timer(1).pipe(map(() => send(ctx)));
      };
      aggregate({ a }, withTracing(traced.provider.getTracer('a test')))(background).subscribe();
      flush();
      expect(traced.spans.map(({ name }) => name)).to.deep.equal(['aggregate a', 'aggregate']);
      expect(sent).to.deep.equal(
        traced.spans.map((span) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`),
      );
    });
  });
});
