import { defer, finalize, type Observable, ReplaySubject, share, tap } from 'rxjs';
import { detached } from '../core/run-handle.ts';
import { describeType } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import { abortableInRun } from '../core/from-abortable.ts';

/** What tells one input from another by its value. */
export type Primitive = string | number | bigint | boolean | symbol | null | undefined | void;

/** What of an input tells it from others; a primitive input is its own key. */
export interface KeyConfig<In> {
  /** The same for inputs that are the same. */
  readonly key: (input: In) => Primitive;
}

/** Starts the shared work. Its signal aborts when the last subscriber has unsubscribed. */
type Start<T> = (signal: AbortSignal) => Observable<T>;

/** Shares work on one context among all who subscribe under the same key at the same time. */
export type ShareByKey = <T>(key: string, ctx: Context, start: Start<T>) => Observable<T>;

/**
 * An entry is removed when the work fails and when the last subscriber unsubscribes before the answer. It is also removed
 * when the work has answered, unless answers are kept.
 */
export function shareByKey({ keepAnswers }: { readonly keepAnswers: boolean }): ShareByKey {
  const entries = new Map<string, Observable<unknown>>();
  return <T>(key: string, ctx: Context, start: Start<T>) =>
    defer(() => {
      let shared = entries.get(key) as Observable<T> | undefined;
      if (shared) return shared;
      let completed = false;
      const remove = (): void => {
        if (entries.get(key) === shared) entries.delete(key);
      };
      let teardownError: { readonly error: unknown } | undefined;
      const onTeardownError = (error: unknown): void => {
        teardownError = { error };
      };
      shared = abortableInRun(ctx, start, onTeardownError).pipe(
        tap({
          error: remove, // before anyone is notified: a retry must not join the work that has just failed
          complete: () => {
            completed = true;
            if (!keepAnswers) remove();
          },
        }),
        finalize(() => {
          if (!completed) remove();
        }),
        share({ connector: () => new ReplaySubject<T>(1), resetOnComplete: !keepAnswers }),
        // One subscriber gets the teardown's error: `share` unsubscribes from its source after it has notified everyone.
        finalize(() => {
          const thrown = teardownError;
          teardownError = undefined;
          if (thrown) throw thrown.error;
        }),
      );
      entries.set(key, shared);
      return shared;
    });
}

/** The key of an input, as text; refuses what is no service and no key. */
export function inputKey<In>(
  name: string,
  service: unknown,
  config: Partial<KeyConfig<In>> = {},
): (input: In) => string {
  if (typeof service !== 'function') throw new TypeError(`${name}: a service, not ${describeType(service)}`);
  if (config.key !== undefined && typeof config.key !== 'function') {
    throw new TypeError(`${name}: key must be a function, not ${describeType(config.key)}`);
  }
  return (input) => {
    const key: unknown = config.key === undefined ? input : config.key(input);
    if ((typeof key === 'object' && key !== null) || typeof key === 'function') {
      throw new TypeError(`${name}: ${describeType(key)} is no key: give { key: (input) => a primitive }`);
    }
    return textOf(key);
  };
}

/** The key of what a context carries, but for whose it is and how long it may take. */
export function contextKey(ctx: Context): string {
  const { deadline, propagate, ...rest } = detached(ctx);
  const fields = rest as Record<PropertyKey, unknown>;
  const carried = Reflect.ownKeys(fields)
    .filter((name) => fields[name] !== undefined)
    .map((name) => `${textOf(name)} ${textOf(fields[name])}`);
  const headers = Object.entries(propagate ?? {}).map(([name, value]) => `${textOf(name)} ${textOf(value)}`);
  return JSON.stringify([carried.sort(), headers.sort()]);
}

const identities = new WeakMap<object, number>();
const symbols = new Map<symbol, number>();
let known = 0;

/** Primitives by their value, all else by identity; no two have the same text. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (typeof value === 'symbol') return `symbol ${String(identityOf(symbols, value))}`;
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
    return `object ${String(identityOf(identities, value))}`;
  }
  return String(value);
}

function identityOf<K>(
  numbers: { get(key: K): number | undefined; set(key: K, number: number): unknown },
  key: K,
): number {
  const number = numbers.get(key) ?? ++known;
  numbers.set(key, number);
  return number;
}
