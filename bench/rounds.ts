import { quantile, shuffle } from 'd3-array';
import { type Child, startModule } from './child.ts';
import { startClient } from './contenders/index.ts';
import type { UpstreamReport, UpstreamTask } from './upstream.ts';

/** How much a topic measures. */
export interface Effort {
  readonly rounds: number;
  /** Measures little of everything, with short rounds. */
  readonly quick: boolean;
  /** Whether the contender is measured. */
  readonly includes: (name: string) => boolean;
  /** Selects sizes of a topic. Returns all of them by default. */
  readonly services: (all: readonly number[]) => readonly number[];
  readonly inFlight: (all: readonly number[]) => readonly number[];
}

/** The median and the quartiles of the rounds. */
export interface Spread {
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
}

export function spread(values: readonly number[]): Spread {
  const at = (p: number): number => quantile(values, p) ?? NaN;
  return { q1: at(0.25), median: at(0.5), q3: at(0.75) };
}

/** The clients. Each name has its own process, which runs nothing else. */
export class Clients<Task extends object, Result> {
  private readonly children: ReadonlyMap<string, Child<Task, Result>>;

  constructor(topic: string, names: readonly string[]) {
    this.children = new Map(names.map((name) => [name, startClient<Task, Result>(topic, name)] as const));
  }

  /**
   * Runs the task once per round in each client, sequentially and in a random order. The results of the first round do not count,
   * because it loads and compiles the code. `then` maps a result to the figures.
   */
  async interleave<Figures>(
    rounds: number,
    task: Task,
    then: (result: Result) => Figures | Promise<Figures>,
  ): Promise<ReadonlyMap<string, readonly Figures[]>> {
    const figures = new Map([...this.children.keys()].map((name) => [name, [] as Figures[]]));
    for (let round = 0; round <= rounds; round++) {
      for (const [name, child] of shuffle([...this.children])) {
        const result = await then(await child.run(task));
        if (round > 0) figures.get(name)?.push(result);
      }
    }
    return figures;
  }

  stop(): void {
    for (const child of this.children.values()) child.stop();
  }
}

/** The services that the clients call. */
export class Upstream {
  private readonly child = startModule<UpstreamTask, unknown>('upstream.ts', []);

  listen(origins: number, secure = false): Promise<readonly string[]> {
    return this.child.run({ task: 'listen', origins, secure }) as Promise<readonly string[]>;
  }

  /** Closes all connections, so that one client does not slow down the next one. */
  hangUp(): Promise<unknown> {
    return this.child.run({ task: 'hang up' });
  }

  /** Returns the requests since the last report. */
  report(): Promise<UpstreamReport> {
    return this.child.run({ task: 'report' }) as Promise<UpstreamReport>;
  }

  stop(): void {
    this.child.stop();
  }
}

/** Picks a number of each result. */
export function pick<Result>(
  results: ReadonlyMap<string, readonly Result[]>,
  number: (result: Result) => number,
): ReadonlyMap<string, readonly number[]> {
  return new Map([...results].map(([name, own]) => [name, own.map(number)]));
}

/**
 * Returns the spread of each name, and the same as a ratio to the median of `base`. So a ratio is the quotient of two values that
 * the same table shows, and the ratio of the base shows how much the base itself varies.
 */
export function compare(
  values: ReadonlyMap<string, readonly number[]>,
  base: string,
): { readonly name: string; readonly value: Spread; readonly ratio: Spread }[] {
  const { median } = spread(values.get(base) ?? []);
  return [...values].map(([name, own]) => ({
    name,
    value: spread(own),
    ratio: spread(own.map((value) => value / median)),
  }));
}
