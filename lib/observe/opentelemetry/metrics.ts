import { type Attributes, type Histogram, type Meter, metrics, type UpDownCounter } from '@opentelemetry/api';
import type { AggregateOption } from '../../core/options.ts';
import type { RunEvent } from '../events.ts';
import { attributesOf, errorType, lowCardinality, scope } from './attributes.ts';
import { type OpenRun, pairEvents } from './pair-events.ts';
import { replacing } from './replacing.ts';

/** The instruments that measure runs, or services. */
interface Instruments {
  readonly duration: Histogram;
  readonly active: UpDownCounter;
}

/** A run or a service in flight. */
interface Measurement {
  readonly meter: Meter;
  /** Milliseconds from the start of the run to the start of this run or service. */
  readonly startedAfter: number;
  /** The `error.type` of the error in place of which `lastGood` has answered. */
  stale?: string;
}

/** Created once for each meter. The global meter changes when a provider is registered. */
const instrumentsByMeter = new WeakMap<Meter, { readonly run: Instruments; readonly service: Instruments }>();

const replace = /* @__PURE__ */ replacing();

/** Seconds, as the semantic conventions advise for HTTP. */
const explicitBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Measures the duration of runs and services, and counts those in flight.
 *
 * Without this option, nothing is measured. If it is used twice, the last option wins.
 *
 * - `forkfast.run.duration` and `forkfast.service.duration` are histograms in seconds. Their attributes are `forkfast.outcome`
 *   (`succeeded`, `failed`, `canceled`) and, for failures, `error.type`. If `lastGood` has answered in place of the service, the
 *   attribute `forkfast.stale` is the `error.type` of the error that it hides.
 * - `forkfast.active_runs` and `forkfast.active_services` count runs and services in flight. Queued services do not count.
 *
 * All have the attribute `forkfast.aggregate.name`, and those of services have `forkfast.service.name`. Services without
 * a name of their own share the name `[]`, because `aggregateEach` would add a time series for each index. Durations have
 * the resolution of RxJS's clock: milliseconds.
 *
 * @param meter - By default the global meter of the provider that is registered when a run starts.
 * @remarks The names follow OpenTelemetry's semantic conventions (https://opentelemetry.io/docs/specs/semconv/).
 *
 * @example
 * ```ts
 * import { AggregationTemporality, InMemoryMetricExporter, MeterProvider } from '@opentelemetry/sdk-metrics';
 * import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
 * import { of } from 'rxjs';
 * import { aggregate, background } from 'forkfast';
 * import { withMetrics } from 'forkfast/opentelemetry';
 *
 * const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
 * const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
 * const measured = withMetrics(provider.getMeter('example')); // no argument is needed if the provider is registered
 *
 * aggregate({ profile: () => of('Alice') }, measured)(background).subscribe();
 *
 * void provider.shutdown().then(() => {
 *   for (const { descriptor } of exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics ?? []) console.log(descriptor.name);
 *   // => forkfast.run.duration
 *   // => forkfast.active_runs
 *   // => forkfast.service.duration
 *   // => forkfast.active_services
 * });
 * ```
 */
export function withMetrics(meter?: Meter): AggregateOption {
  const open = (event: RunEvent, run?: Measurement): Measurement => {
    const opened = { meter: run?.meter ?? meter ?? metrics.getMeter(...scope), startedAfter: event.elapsed };
    instrumentsOf(opened.meter, event).active.add(1, namesOf(event));
    return opened;
  };
  const runs = new Map<number, OpenRun<Measurement>>();
  const pair = pairEvents(runs, open, close);
  return replace({
    next: (event) => {
      if (event.type === 'stale') markStale(runs.get(event.run), event);
      pair(event);
    },
  });
}

function markStale(run: OpenRun<Measurement> | undefined, event: RunEvent & { readonly type: 'stale' }): void {
  const measurement = event.service === undefined ? run?.own : run?.services.get(event.service);
  if (measurement) measurement.stale = errorType(event.error);
}

function close({ meter, startedAfter, stale }: Measurement, event: RunEvent): void {
  const { duration, active } = instrumentsOf(meter, event);
  const names = namesOf(event);
  active.add(-1, names);
  const ms = Math.max(0, event.elapsed - startedAfter); // the wall clock may jump back
  duration.record(ms / 1_000, {
    ...names,
    'forkfast.outcome': event.type,
    ...(event.type === 'failed' && { 'error.type': errorType(event.error) }),
    ...(stale !== undefined && { 'forkfast.stale': stale }),
  });
}

function namesOf({ name, service }: RunEvent): Attributes {
  return attributesOf({ name, service: lowCardinality(service) });
}

function instrumentsOf(meter: Meter, { service }: RunEvent): Instruments {
  const instruments = instrumentsByMeter.get(meter) ?? { run: create(meter, 'run'), service: create(meter, 'service') };
  instrumentsByMeter.set(meter, instruments);
  return service === undefined ? instruments.run : instruments.service;
}

function create(meter: Meter, kind: 'run' | 'service'): Instruments {
  return {
    duration: meter.createHistogram(`forkfast.${kind}.duration`, {
      description: `How long a ${kind} took.`,
      unit: 's',
      advice: { explicitBucketBoundaries },
    }),
    active: meter.createUpDownCounter(`forkfast.active_${kind}s`, {
      description: `The ${kind}s in flight.`,
      unit: `{${kind}}`,
    }),
  };
}
