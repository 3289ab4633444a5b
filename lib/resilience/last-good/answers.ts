import { asyncScheduler, defer, from, map, type Observable } from 'rxjs';
import { mismatch } from '../../core/assert.ts';
import { attempt, read } from '../../errors/foreign.ts';

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

/**
 * A store that several processes share: any Keyv store, such as `new Keyv(new KeyvRedis(url))`, or an object with the same two
 * methods. `lastGood` waits for no store, except for up to 100 ms after a failure.
 *
 * @example
 * ```ts
 * import type { AnswerStore } from 'forkfast';
 *
 * const texts = new Map<string, string>();
 * const store: AnswerStore = {
 *   get: async (key) => texts.get(key),
 *   set: async (key, text, _ttl) => texts.set(key, text),
 * };
 *
 * void store.get('profile:0').then(console.log); // => undefined
 * ```
 */
export interface AnswerStore {
  /** Resolves with the text that was set for the key, or with `undefined`. */
  get(key: string): PromiseLike<unknown>;
  /** Keeps a text for `ttl` milliseconds. Resolves with `false` if it has failed. */
  set(key: string, text: string, ttl: number): PromiseLike<unknown>;
}

/** Emits the answer in the store, or `undefined`. Errors if the store fails, or answers with what nobody has put there. */
export function readAnswer<Out>(store: AnswerStore, key: string, maxAge: number): Observable<Answer<Out> | undefined> {
  return defer(() => from(Promise.resolve(store.get(key)))).pipe(
    map((text) => {
      if (text === undefined || text === null) return undefined;
      const answer =
        typeof text === 'string' ? attempt<unknown, undefined>(() => JSON.parse(text), undefined) : undefined;
      if (typeof read(answer, 'at') !== 'number' || read(answer, 'value') === undefined) {
        throw new TypeError(
          `${mismatch('lastGood: store: get', 'a text that was set', text)}: use the store for nothing else`,
        );
      }
      return ageOf(answer as Answer<Out>) <= maxAge ? (answer as Answer<Out>) : undefined;
    }),
  );
}

/** Rejects if the store fails, or if JSON cannot hold the value. */
export async function writeAnswer(
  store: AnswerStore,
  key: string,
  { at, value }: Answer<unknown>,
  maxAge: number,
): Promise<void> {
  if (value === undefined) throw notJson(value);
  const kept = await store.set(key, JSON.stringify({ at, value }, jsonOnly), maxAge);
  if (kept === false) {
    throw new TypeError('lastGood: store: set: expected to keep the answer, got false: check the store');
  }
}

/** Throws for a value that would be another one when it is read. */
function jsonOnly(this: unknown, name: string): unknown {
  const value = read(this, name); // not the result of `toJSON`
  if (isJson(value) || (value === undefined && !Array.isArray(this))) return value;
  throw notJson(value);
}

function notJson(value: unknown): TypeError {
  const expected = mismatch('lastGood: store', 'an answer that JSON can hold', value);
  return new TypeError(`${expected}: let the service answer with plain objects`);
}

function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' || typeof value === 'boolean' || value === null;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null; // also of another realm
}
