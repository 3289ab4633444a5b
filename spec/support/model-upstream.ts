import { asyncScheduler, Observable, type Subscriber } from 'rxjs';
import { HttpError } from 'forkfast';

/** The answer to a request: the time at which the upstream made it, in milliseconds. */
export type Answer = number;

/** How an upstream is now. */
export interface Health {
  /** The time that a request takes, as a multiple of the time that it takes when all is well. */
  readonly slowness: number;
  /** The share of the requests that end with a 503. */
  readonly failing: number;
}

export interface ModelUpstreamConfig {
  readonly workers: number;
  /** The highest number of requests that wait, `Infinity` by default. A full queue rejects at once with a 503. */
  readonly queue?: number;
  /** Returns the milliseconds that a request takes. */
  readonly serviceTime: () => number;
  /** Returns a number from 0 up to, but not including, 1. */
  readonly random?: () => number;
  /** Whether the upstream stops its work for a caller that has left. Most servers go on. */
  readonly stopsForCallers?: boolean;
}

interface Request {
  /** `undefined` if the caller has left. */
  caller: Subscriber<Answer> | undefined;
  /** Frees the worker. It is `undefined` while the request waits. */
  cancel?: () => void;
}

const unavailable = new HttpError({ status: 503, method: 'GET', url: 'http://upstream.test/' });

/** A server in virtual time: workers and a queue, first in, first out. */
export class ModelUpstream {
  workers: number;
  health: Health = { slowness: 1, failing: 0 };
  /** The number of requests that have arrived. */
  arrived = 0;
  readonly request: Observable<Answer>;
  readonly #config: Required<Omit<ModelUpstreamConfig, 'workers'>>;
  readonly #queue: Request[] = [];
  /** The index of the first request in the queue: `shift` would move all others. */
  #first = 0;
  #busy = 0;

  constructor({ workers, ...own }: ModelUpstreamConfig) {
    const config = { queue: Infinity, random: Math.random, stopsForCallers: false, ...own };
    this.workers = workers;
    this.#config = config;
    this.request = new Observable((caller) => {
      this.arrived++;
      if (this.#queue.length - this.#first >= config.queue) {
        caller.error(unavailable);
        return;
      }
      const request: Request = { caller };
      caller.add(() => {
        request.caller = undefined;
        if (config.stopsForCallers) request.cancel?.();
      });
      this.#queue.push(request);
      this.#startWork();
    });
  }

  #startWork(): void {
    const { stopsForCallers } = this.#config;
    while (this.#busy < this.workers) {
      const request = this.#next();
      if (!request) return;
      if (request.caller || !stopsForCallers) this.#work(request);
    }
  }

  #next(): Request | undefined {
    const request = this.#queue[this.#first];
    if (request) this.#first++;
    if (this.#first >= 10_000) {
      this.#queue.splice(0, this.#first);
      this.#first = 0;
    }
    return request;
  }

  #work(request: Request): void {
    const { serviceTime, random } = this.#config;
    const { slowness, failing } = this.health;
    const fails = random() < failing;
    this.#busy++;
    const free = (): void => {
      delete request.cancel;
      this.#busy--;
      this.#startWork();
    };
    const work = asyncScheduler.schedule(() => {
      const { caller } = request;
      free();
      if (fails) caller?.error(unavailable);
      else {
        caller?.next(asyncScheduler.now());
        caller?.complete();
      }
    }, slowness * serviceTime());
    request.cancel = () => {
      work.unsubscribe();
      free();
    };
  }
}
