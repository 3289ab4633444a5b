import { asyncScheduler, Observable, type Subscriber } from 'rxjs';

/** A server in virtual time: some workers and a queue. Like most servers, it answers callers that have left. */
export class ModelUpstream {
  workers: number;
  /** The longest queue since the start. */
  longest = 0;
  readonly call: Observable<string>;
  readonly #serviceTime: () => number;
  readonly #queue: Subscriber<string>[] = [];
  #busy = 0;

  constructor(workers: number, serviceTime: () => number) {
    this.workers = workers;
    this.#serviceTime = serviceTime;
    this.call = new Observable((caller) => {
      this.#queue.push(caller);
      this.#work();
      this.longest = Math.max(this.longest, this.#queue.length);
    });
  }

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
