import { quantile, shuffle } from 'd3-array';
import { Child } from './child.ts';
import type { Seen, UpstreamTask } from './upstream.ts';

/** How much is done. */
export interface Effort {
  readonly rounds: number;
  /** Much less of everything: to see that it runs, and no figures. */
  readonly quick: boolean;
  readonly takesPart: (name: string) => boolean;
  /** Of the numbers that a topic goes through, those that are wanted: all where nothing was said. */
  readonly services: (all: readonly number[]) => readonly number[];
  readonly inFlight: (all: readonly number[]) => readonly number[];
}

/** The middle half of what the rounds gave. */
export interface Spread {
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
}

export function spread(values: readonly number[]): Spread {
  const at = (p: number): number => quantile(values, p) ?? NaN;
  return { q1: at(0.25), median: at(0.5), q3: at(0.75) };
}

/** The clients: for each name a process of its own, in which nothing else has run. */
export class Clients<Task extends object, Answer> {
  private readonly children: ReadonlyMap<string, Child<Task, Answer>>;

  constructor(topic: string, names: readonly string[]) {
    this.children = new Map(names.map((name) => [name, new Child<Task, Answer>('client.ts', [topic, name])] as const));
  }

  /**
   * Each is asked once in a round, one after the other, in another order each time. Before the first there is one that does
   * not count, in which code is loaded and compiled. `then` makes of an answer what counts.
   */
  async interleave<Result>(
    rounds: number,
    task: Task,
    then: (answer: Answer) => Result | Promise<Result>,
  ): Promise<ReadonlyMap<string, readonly Result[]>> {
    const results = new Map([...this.children.keys()].map((name) => [name, [] as Result[]]));
    for (let round = 0; round <= rounds; round++) {
      for (const [name, child] of shuffle([...this.children])) {
        const result = await then(await child.ask(task));
        if (round > 0) results.get(name)?.push(result);
      }
    }
    return results;
  }

  stop(): void {
    for (const child of this.children.values()) child.stop();
  }
}

/** The services that are asked. */
export class Upstream {
  private readonly child = new Child<UpstreamTask, unknown>('upstream.ts', []);

  listen(origins: number, secure = false): Promise<readonly string[]> {
    return this.child.ask({ task: 'listen', origins, secure }) as Promise<readonly string[]>;
  }

  /** Closes all connections, so that those of one client are not another's burden. */
  hangUp(): Promise<unknown> {
    return this.child.ask({ task: 'hang up' });
  }

  /** What it saw since it was last asked. */
  seen(): Promise<Seen> {
    return this.child.ask({ task: 'seen' }) as Promise<Seen>;
  }

  stop(): void {
    this.child.stop();
  }
}

/** Of each name a number of all rounds. */
export function pick<Result>(
  results: ReadonlyMap<string, readonly Result[]>,
  number: (result: Result) => number,
): ReadonlyMap<string, readonly number[]> {
  return new Map([...results].map(([name, own]) => [name, own.map(number)]));
}

/** Of each name the spread, and that of the ratio to `base` in the same round. */
export function compare(
  values: ReadonlyMap<string, readonly number[]>,
  base: string,
): { readonly name: string; readonly value: Spread; readonly ratio: Spread }[] {
  const other = values.get(base) ?? [];
  return [...values].map(([name, own]) => ({
    name,
    value: spread(own),
    ratio: spread(own.map((value, round) => value / (other[round] ?? NaN))),
  }));
}
