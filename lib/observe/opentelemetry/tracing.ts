import { context, type Context, type Span, trace, type Tracer } from '@opentelemetry/api';
import type { AggregateOption } from '../../core/options.ts';
import { shortName } from '../../errors/foreign.ts';
import type { RunEvent } from '../events.ts';
import { attributesOf, errorType, lowCardinality, scope } from './attributes.ts';
import { recordFailure } from './failure.ts';
import { type OpenRun, pairEvents } from './pair-events.ts';
import { replacing } from './replacing.ts';

/** The span of a run or of a service in flight. */
interface OpenSpan {
  readonly tracer: Tracer;
  readonly span: Span;
  /** The OpenTelemetry context in which the span was started. */
  readonly outside: Context;
  /** The same context with the span in it. */
  readonly inside: Context;
}

/** The runs in flight of all tracers, because runs of different aggregates nest. */
const runs = new Map<number, OpenRun<OpenSpan>>();

/** The context that is active during the work that follows an event. */
const activeDuring = new WeakMap<RunEvent, Context>();

const replace = /* @__PURE__ */ replacing();

/**
 * Creates a span for each run and for each of its services.
 *
 * Without this option, no span is created. If it is used twice, the last option wins. The parent of a run's span
 * (`dashboard`) is the span that is active when the caller subscribes. The parent of a service's span
 * (`dashboard profile`) is the run's. The service's span is active while the service is called and subscribed to, so
 * spans of instrumented code nest under it. The subscriber is notified in its own context. The spans of shared work
 * (`singleFlight`, `perRun`) nest under the service that started it.
 *
 * Attributes: `forkfast.aggregate.name`, `forkfast.service.name`, `forkfast.outcome` (`succeeded`, `failed`, `canceled`),
 * `forkfast.elapsed` (milliseconds since the run started), `http.request.resend_count` (the requests that a `retry` or a
 * `hedge` behind `fetchJson` has sent again, if any) and, for failures, `error.type`: the HTTP status, or else the error's
 * `code` or `name`. Failures have the status `ERROR`. Cancellations do not. An exception is recorded once in a
 * trace, in the innermost span that failed. If `lastGood` answers in place of the service, the span has the outcome `succeeded`
 * and `forkfast.stale`: the `error.type` of the error that it hides. Spans contain the name and the code of foreign errors, but neither their
 * message nor their stack, because those quote URLs and headers.
 *
 * The SDK's clock sets the times, as for all other spans.
 *
 * @param tracer - By default the global tracer of the provider that is registered when a run starts.
 * @remarks The attributes follow OpenTelemetry's semantic conventions (https://opentelemetry.io/docs/specs/semconv/).
 *
 * @example
 * ```ts
 * import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
 * import { of } from 'rxjs';
 * import { aggregate, background, withName } from 'forkfast';
 * import { withTracing } from 'forkfast/opentelemetry';
 *
 * const exporter = new InMemorySpanExporter();
 * const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
 * const tracing = withTracing(provider.getTracer('example')); // no argument is needed if the provider is registered
 *
 * aggregate({ profile: () => of('Alice') }, tracing, withName('dashboard'))(background).subscribe();
 *
 * for (const { name } of exporter.getFinishedSpans()) console.log(name);
 * // => dashboard profile
 * // => dashboard
 * ```
 */
export function withTracing(tracer?: Tracer): AggregateOption {
  const open = (event: RunEvent, run?: OpenSpan): OpenSpan =>
    run ? openService(event, run) : openRun(event, tracer ?? trace.getTracer(...scope));
  const pair = pairEvents(runs, open, close);
  return replace({
    next: (event) => {
      if (event.type === 'stale') spanOf(event)?.setAttribute('forkfast.stale', errorType(event.error));
      pair(event);
    },
    around: (event, proceed) => {
      const active = activeDuring.get(event);
      if (active) context.with(active, proceed);
    },
  });
}

/** The span of a run in flight, or of a service in flight in that run. */
export function spanOf(of: RunEvent['parent']): Span | undefined {
  if (!of) return undefined;
  const run = runs.get(of.run);
  const service = of.service === undefined ? undefined : run?.services.get(of.service);
  return (service ?? run?.own)?.span;
}

function openRun(event: RunEvent, tracer: Tracer): OpenSpan {
  const active = context.active();
  // Browsers lose the active context in asynchronous code. The event still names the parent.
  const parent = trace.getSpan(active) ?? spanOf(event.parent);
  return openSpan(tracer, shortName(event.name), event, active, parent ? trace.setSpan(active, parent) : active);
}

function openService(event: RunEvent, run: OpenSpan): OpenSpan {
  const { tracer, span, inside } = run;
  const name = `${shortName(event.name)} ${shortName(String(lowCardinality(event.service)))}`;
  // A run that is not sampled has no spans for its services.
  const service = span.isRecording() ? openSpan(tracer, name, event, inside) : run;
  activeDuring.set(event, service.inside);
  return service;
}

function openSpan(tracer: Tracer, name: string, event: RunEvent, outside: Context, parent = outside): OpenSpan {
  const span = tracer.startSpan(name, { attributes: attributesOf(event) }, parent);
  return { tracer, span, outside, inside: trace.setSpan(outside, span) };
}

function close({ span, outside }: OpenSpan, event: RunEvent): void {
  if (event.service === undefined) activeDuring.set(event, outside);
  if (!span.isRecording()) return;
  try {
    span.setAttributes({ 'forkfast.outcome': event.type, 'forkfast.elapsed': event.elapsed });
    if (event.resends !== undefined) span.setAttribute('http.request.resend_count', event.resends);
    if (event.type === 'failed') recordFailure(span, event);
  } finally {
    span.end();
  }
}
