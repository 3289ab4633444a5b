import { asyncScheduler } from 'rxjs';

/** A value that a service has emitted, and when. */
export interface Answer<Out> {
  readonly value: Out;
  /** Epoch milliseconds on RxJS's clock. */
  readonly at: number;
}

interface Entry<Out> extends Answer<Out> {
  /** The number of the call. */
  readonly call: number;
}

/** Keeps the last answer for each key, and drops the answer that was set first when there are too many. */
export class AnswerMemory<Out> {
  readonly #entries = new Map<string, Entry<Out>>();
  readonly #maxAge: number;
  readonly #most: number;

  constructor(maxAge: number, most: number) {
    this.#maxAge = maxAge;
    this.#most = most;
  }

  get(key: string): Answer<Out> | undefined {
    const entry = this.#entries.get(key);
    if (!entry || ageOf(entry) <= this.#maxAge) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  /** Returns `false`, and keeps the answer that it has, if that answers a later call. */
  set(key: string, entry: Entry<Out>): boolean {
    if ((this.#entries.get(key)?.call ?? 0) > entry.call) return false;
    this.#entries.delete(key); // a key that is set again moves to the end
    this.#entries.set(key, entry);
    for (const [first, { at }] of this.#entries) {
      if (this.#entries.size <= this.#most && ageOf({ at }) <= this.#maxAge) break;
      this.#entries.delete(first);
    }
    return true;
  }
}

/** Milliseconds. The clocks of processes differ, and a clock may jump back. */
export function ageOf({ at }: Pick<Answer<unknown>, 'at'>): number {
  return Math.max(0, asyncScheduler.now() - at);
}
