import { type DataPoint, type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

/** A meter provider of the OpenTelemetry SDK, and its measurements. */
export interface Measuring {
  readonly provider: MeterProvider;
  /** Each time series as a line: `active_runs aggregate.name=dashboard 0`. A histogram shows its count and its sum. */
  readonly lines: () => Promise<string[]>;
  /** The name, description, unit and boundaries of each instrument. */
  readonly instruments: () => Promise<Record<string, unknown>[]>;
}

class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

export function measuring(): Measuring {
  const reader = new Reader();
  const provider = new MeterProvider({ readers: [reader] });
  const collected = async () => {
    const { resourceMetrics } = await reader.collect();
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  };
  return {
    provider,
    lines: async () =>
      (await collected()).flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map((point) => `${short(descriptor.name)} ${labels(point)} ${valueOf(point)}`),
      ),
    instruments: async () =>
      (await collected()).map(({ descriptor: { name, description, unit }, dataPoints: [point] }) => ({
        name,
        description,
        unit,
        ...(typeof point?.value === 'object' && 'buckets' in point.value
          ? { boundaries: point.value.buckets.boundaries }
          : {}),
      })),
  };
}

function short(name: string): string {
  return name.replace(/^forkfast\./, '');
}

function labels({ attributes }: DataPoint<unknown>): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${short(name)}=${String(value)}`)
    .join(' ');
}

function valueOf({ value }: DataPoint<unknown>): string {
  if (typeof value === 'number') return String(value);
  const { count, sum } = value as Histogram;
  return `${String(count)} in ${String(sum)} s`;
}
