import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { aggregate, type AggregateOption, background, silent, withEvents, withLogger } from 'forkfast';
import { withMetrics, withTracing } from 'forkfast/opentelemetry';
import { firstValueFrom, of } from 'rxjs';
import { digits, middle, table } from '../format.ts';
import { repeat } from '../repeat.ts';
import { Clients, compare, type Effort, type Spread } from '../rounds.ts';

// What events, logging and telemetry add to joining, without a network: of services that answer at once.

interface Task {
  readonly services: number;
  readonly ms: number;
}

interface Figures {
  readonly services: number;
  readonly observers: readonly { readonly name: string; readonly us: Spread; readonly ratio: Spread }[];
}

const nowhere = (): void => undefined;
const logger = { debug: nowhere, info: nowhere, warn: nowhere, error: nowhere };

/** Takes the spans and does nothing with them. */
const processor: SpanProcessor = {
  onStart: nowhere,
  onEnd: nowhere,
  shutdown: () => Promise.resolve(),
  forceFlush: () => Promise.resolve(),
};

const BASE = 'no sink, silent';
const observers: Readonly<Record<string, () => readonly AggregateOption[]>> = {
  [BASE]: () => [withLogger(silent)],
  'a sink': () => [withLogger(silent), withEvents({ next: nowhere })],
  'a logger, debug off': () => [withLogger({ ...logger, isLevelEnabled: (level: string) => level !== 'debug' })],
  'a logger, debug on, that writes nothing': () => [withLogger(logger)],
  'the default logger': () => [],
  'withTracing, no SDK': () => [withLogger(silent), withTracing()],
  'withTracing, spans recorded': () => [
    withLogger(silent),
    withTracing(new BasicTracerProvider({ spanProcessors: [processor] }).getTracer('bench')),
  ],
  withMetrics: () => [withLogger(silent), withMetrics(new MeterProvider().getMeter('bench'))],
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

/** Microseconds of CPU time a run. */
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
