import { type Attributes, type Histogram, type Meter, metrics, type UpDownCounter } from '@opentelemetry/api';
import type { RunEvent } from '../events.ts';
import type { AggregateOption } from '../../core/options.ts';
import { errorType, few, scope, whose } from './attributes.ts';
import { intervals } from './pair-events.ts';
import { only } from './replacing.ts';

/** What is measured of runs, or of services. */
interface Instruments {
  readonly duration: Histogram;
  readonly active: UpDownCounter;
}

/** A run or a service in flight. */
interface Measured {
  readonly meter: Meter;
  /** Milliseconds from the start of the run to its own. */
  readonly since: number;
}

/** Made once for each meter, which the global provider may bring along late. */
const known = new WeakMap<Meter, { readonly run: Instruments; readonly service: Instruments }>();

const replace = /* @__PURE__ */ only();

/** Seconds: those that the conventions advise for HTTP. */
const explicitBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Measures each run and each of its services.
 *
 * By default nothing is measured.
 *
 * - `forkfast.run.duration` and `forkfast.service.duration`: histograms in seconds, by `forkfast.outcome` (`succeeded`, `failed`,
 *   `canceled`) and, of failures, `error.type`;
 * - `forkfast.active_runs` and `forkfast.active_services`: counters of those in flight, queued services not included.
 *
 * All are by `forkfast.aggregate.name`, and those of services by `forkfast.service.name`, which is `[]` for a service without a
 * name of its own: `aggregateEach` would make a time series of each index. Durations have the resolution of RxJS's
 * clock, which is milliseconds.
 *
 * @param meter - By default the global one, of whichever provider is registered when a run starts.
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
 * const measured = withMetrics(provider.getMeter('example')); // without an argument where the provider is registered
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
  const open = (event: RunEvent, run?: Measured): Measured => {
    const opened = { meter: run?.meter ?? meter ?? metrics.getMeter(...scope), since: event.elapsed };
    instrumentsOf(opened.meter, event).active.add(1, by(event));
    return opened;
  };
  return replace({ next: intervals(new Map(), open, close) });
}

function close({ meter, since }: Measured, event: RunEvent): void {
  const { duration, active } = instrumentsOf(meter, event);
  active.add(-1, by(event));
  // The wall clock may have jumped back.
  duration.record(Math.max(0, event.elapsed - since) / 1_000, {
    ...by(event),
    'forkfast.outcome': event.type,
    ...(event.type === 'failed' ? { 'error.type': errorType(event.error) } : {}),
  });
}

function by({ name, service }: RunEvent): Attributes {
  return whose({ name, service: few(service) });
}

function instrumentsOf(meter: Meter, { service }: RunEvent): Instruments {
  const instruments = known.get(meter) ?? { run: create(meter, 'run'), service: create(meter, 'service') };
  known.set(meter, instruments);
  return service === undefined ? instruments.run : instruments.service;
}

function create(meter: Meter, what: 'run' | 'service'): Instruments {
  return {
    duration: meter.createHistogram(`forkfast.${what}.duration`, {
      description: `How long a ${what} took.`,
      unit: 's',
      advice: { explicitBucketBoundaries },
    }),
    active: meter.createUpDownCounter(`forkfast.active_${what}s`, {
      description: `The ${what}s in flight.`,
      unit: `{${what}}`,
    }),
  };
}
