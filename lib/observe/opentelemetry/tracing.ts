import { context, type Context, type Span, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';
import { ServiceError } from '../../errors/service-error.ts';
import type { RunEvent } from '../events.ts';
import type { AggregateOption } from '../../core/options.ts';
import { errorType, few, scope, told, whose } from './attributes.ts';
import { intervals, type Opened } from './pair-events.ts';
import { only } from './replacing.ts';

/** The span of a run or of a service. */
interface Traced {
  readonly tracer: Tracer;
  readonly span: Span;
  readonly outside: Context;
  readonly inside: Context;
}

/** The runs in flight of all tracers: runs nest across aggregates. */
const runs = new Map<number, Opened<Traced>>();

/** What is active while that is done which follows from an event. */
const surroundings = new WeakMap<RunEvent, Context>();

/** The errors of runs whose exception is in a span already, and in which trace: a flight may be shared by several. */
const recorded = new WeakMap<object, string>();

const replace = /* @__PURE__ */ only();

/**
 * Makes a span of each run and of each of its services.
 *
 * By default there are none. The span of a run (`dashboard`) has as its parent what was active when it was subscribed to; those
 * of its services (`dashboard profile`) have the run's, and are active while the service is asked and subscribed to, so that
 * what is instrumented there nests under them. When the run has ended its subscriber is notified in its own context. What is
 * shared (`singleFlight`, `perRun`) nests under the service that asked first.
 *
 * Attributes: `forkfast.aggregate.name`, `forkfast.service.name`, `forkfast.outcome` (`succeeded`, `failed`, `canceled`),
 * `forkfast.elapsed` (milliseconds since the run started) and, of failures, `error.type`: the HTTP status, or else the
 * error's `code` or `name`. Failures have the status `ERROR`; what is canceled is none. An exception is recorded once in a
 * trace, where it happened. Of errors that are not forkfast's own, spans hold the name and the code only, and no stack:
 * messages quote URLs and headers.
 *
 * Times are the SDK's own, as those of all other spans are.
 *
 * @param tracer - By default the global one, of whichever provider is registered when a run starts.
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
 * const tracing = withTracing(provider.getTracer('example')); // without an argument where the provider is registered
 *
 * aggregate({ profile: () => of('Alice') }, tracing, withName('dashboard'))(background).subscribe();
 *
 * for (const { name } of exporter.getFinishedSpans()) console.log(name);
 * // => dashboard profile
 * // => dashboard
 * ```
 */
export function withTracing(tracer?: Tracer): AggregateOption {
  const open = (event: RunEvent, run?: Traced): Traced =>
    run ? openService(event, run) : openRun(event, tracer ?? trace.getTracer(...scope));
  return replace({
    next: intervals(runs, open, close),
    around: (event, proceed) => {
      const inside = surroundings.get(event);
      if (inside) context.with(inside, proceed);
    },
  });
}

/** The span of a run in flight, or of a service in it. */
export function spanOf(asked: RunEvent['parent']): Span | undefined {
  if (!asked) return undefined;
  const run = runs.get(asked.run);
  const service = asked.service === undefined ? undefined : run?.services.get(asked.service);
  return (service ?? run?.own)?.span;
}

function openRun(event: RunEvent, tracer: Tracer): Traced {
  const outside = context.active();
  // Where contexts do not reach across asynchronous calls, in browsers, the run knows in which it was asked.
  const parent = trace.getSpan(outside) ?? spanOf(event.parent);
  const span = tracer.startSpan(
    event.name,
    { attributes: whose(event) },
    parent ? trace.setSpan(outside, parent) : outside,
  );
  return { tracer, span, outside, inside: trace.setSpan(outside, span) };
}

function openService(event: RunEvent, run: Traced): Traced {
  let service = run;
  // Of a run that nobody samples, nothing is made of its services.
  if (run.span.isRecording()) {
    const { tracer, inside: outside } = run;
    const span = tracer.startSpan(`${event.name} ${String(few(event.service))}`, { attributes: whose(event) }, outside);
    service = { tracer, span, outside, inside: trace.setSpan(outside, span) };
  }
  surroundings.set(event, service.inside);
  return service;
}

function close({ span, outside }: Traced, event: RunEvent): void {
  if (event.service === undefined) surroundings.set(event, outside);
  if (!span.isRecording()) return;
  try {
    span.setAttributes({ 'forkfast.outcome': event.type, 'forkfast.elapsed': event.elapsed });
    if (event.type === 'failed') fail(span, event);
  } finally {
    span.end();
  }
}

function fail(span: Span, { service, error }: { readonly service?: string; readonly error: unknown }): void {
  const { name, message } = told(error);
  span.setAttribute('error.type', errorType(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: message === '' ? name : message });
  const { traceId } = span.spanContext();
  // The failure of a service has been told before that of its run.
  const known = service === undefined && error instanceof ServiceError;
  if (!known && !isRecorded(error, traceId)) span.recordException({ name, message });
  if (service === undefined) recorded.set(error as object, traceId);
}

/** Whether it comes from a run inside, however it was wrapped on its way. */
function isRecorded(error: unknown, traceId: string): boolean {
  const seen = new Set<unknown>();
  for (let cause = error; typeof cause === 'object' && cause !== null; cause = (cause as { cause?: unknown }).cause) {
    if (recorded.get(cause) === traceId) return true;
    if (seen.has(cause)) return false;
    seen.add(cause);
  }
  return false;
}
