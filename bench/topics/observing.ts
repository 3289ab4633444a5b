import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { aggregate, type AggregateOption, background, withEvents, withLogger } from 'forkfast';
import { withMetrics, withTracing } from 'forkfast/opentelemetry';
import { winstonLogger } from 'forkfast/winston';
import { firstValueFrom, of } from 'rxjs';
import { digits, middle, table } from '../format.ts';
import { repeat } from '../repeat.ts';
import { Clients, compare, type Effort, type Spread } from '../rounds.ts';

// The cost of events, logging and telemetry without a network: the services emit at once.

interface Task {
  readonly services: number;
  readonly ms: number;
}

interface Figures {
  readonly services: number;
  readonly observers: readonly { readonly name: string; readonly us: Spread; readonly ratio: Spread }[];
}

const ignore = (): void => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Receives the spans and drops them. */
const processor: SpanProcessor = {
  onStart: ignore,
  onEnd: ignore,
  shutdown: () => Promise.resolve(),
  forceFlush: () => Promise.resolve(),
};

const BASE = 'no sink, no logger';
const observers: Readonly<Record<string, () => readonly AggregateOption[]>> = {
  [BASE]: () => [],
  'a sink': () => [withEvents({ next: ignore })],
  'a logger, debug off': () => [withLogger({ ...logger, isLevelEnabled: (level: string) => level !== 'debug' })],
  'a logger, debug on, that writes nothing': () => [withLogger(logger)],
  'winstonLogger, debug off': () => [withLogger(winstonLogger({ level: 'info' }))],
  'withTracing, no SDK': () => [withTracing()],
  'withTracing, spans recorded': () => [
    withTracing(new BasicTracerProvider({ spanProcessors: [processor] }).getTracer('bench')),
  ],
  withMetrics: () => [withMetrics(new MeterProvider().getMeter('bench'))],
};

export async function measure({ rounds, quick, ...effort }: Effort): Promise<readonly Figures[]> {
  const clients = new Clients<Task, number>('observing', Object.keys(observers));
  const figures: Figures[] = [];
  for (const services of effort.services([2, 10])) {
    const times = await clients.interleave(rounds, { services, ms: quick ? 20 : 150 }, (us) => us);
    figures.push({
      services,
      observers: compare(times, BASE).map(({ name, value, ratio }) => ({ name, us: value, ratio })),
    });
  }
  clients.stop();
  return figures;
}

/** Returns the microseconds of CPU time per run. */
export function work(name: string): (task: Task) => Promise<number> {
  const options = observers[name]?.() ?? [];
  return async ({ services, ms }) => {
    const all = Array.from({ length: services }, (_, index) => () => of(index));
    const run = aggregate(all, ...options)(background);
    return repeat(() => firstValueFrom(run), ms);
  };
}

export function tables(figures: readonly Figures[]): string {
  const names = figures[0]?.observers.map(({ name }) => name) ?? [];
  return table(
    ['joining alone', ...figures.flatMap(({ services }) => [`${digits(services)} services, CPU µs`, 'ratio'])],
    names.map((name, row) => [
      name,
      ...figures.flatMap(({ observers }) => {
        const found = observers[row];
        return found ? [digits(found.us.median), middle(found.ratio)] : ['', ''];
      }),
    ]),
  );
}
