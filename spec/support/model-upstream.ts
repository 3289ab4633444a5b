import { asyncScheduler, Observable, type Subscriber } from 'rxjs';

/** Numbers from 0 to 1 that a seed decides: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * An upstream with a number of workers and a queue before them, in virtual time. It finishes a call that has a worker although
 * the caller has left, as most servers do, and rejects calls when its queue is full.
 */
export class ModelUpstream {
  workers: number;
  readonly #serviceTime: () => number;
  readonly #queue: Subscriber<string>[] = [];
  readonly #longest: number;
  #busy = 0;
  peak = 0;
  rejected = 0;

  constructor(options: { workers: number; serviceTime: () => number; queue?: number }) {
    this.workers = options.workers;
    this.#serviceTime = options.serviceTime;
    this.#longest = options.queue ?? Infinity;
  }

  readonly call: Observable<string> = new Observable((caller) => {
    if (this.#busy >= this.workers && this.#queue.length >= this.#longest) {
      this.rejected++;
      caller.error(this.reject());
      return;
    }
    this.#queue.push(caller);
    this.peak = Math.max(this.peak, this.#queue.length);
    this.#work();
  });

  reject: () => Error = () => new Error('503');

  #work(): void {
    while (this.#busy < this.workers) {
      const caller = this.#queue.shift();
      if (!caller) return;
      this.#busy++;
      asyncScheduler.schedule(() => {
        this.#busy--;
        caller.next('answer');
        caller.complete();
        this.#work();
      }, this.#serviceTime());
    }
  }
}
