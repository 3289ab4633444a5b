import { defer, finalize, type Observable, ReplaySubject, share, tap } from 'rxjs';
import { mismatch } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import { abortableInRun } from '../core/from-abortable.ts';
import { detached } from '../core/run-handle.ts';

/** An input that is its own key. */
export type Primitive = string | number | bigint | boolean | symbol | null | undefined | void;

/** How `perRun` and `singleFlight` recognize equal inputs. */
export interface KeyConfig<In> {
  /** Returns the same primitive for equal inputs. */
  readonly key: (input: In) => Primitive;
}

/** Starts the shared work. Its signal aborts when the last subscriber has unsubscribed. */
type Start<T> = (signal: AbortSignal) => PromiseLike<T> | Observable<T>;

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
      const existing = entries.get(key) as Observable<T> | undefined;
      if (existing) return existing;
      const remove = (): void => {
        if (entries.get(key) === entry) entries.delete(key);
      };
      let completed = false;
      const onComplete = (): void => {
        completed = true;
        if (!keepAnswers) remove();
      };
      let teardownError: { readonly error: unknown } | undefined;
      const onTeardownError = (error: unknown): void => {
        teardownError = { error };
      };
      const entry = abortableInRun(ctx, start, onTeardownError).pipe(
        tap({ error: remove, complete: onComplete }), // before anyone is notified: a retry must not join work that has failed
        finalize(() => {
          if (!completed) remove();
        }),
        share({ connector: () => new ReplaySubject<T>(1), resetOnComplete: false }),
        // `share` unsubscribes from its source after it has notified all subscribers. So the first that tears down throws.
        finalize(() => {
          const thrown = teardownError;
          teardownError = undefined;
          if (thrown) throw thrown.error;
        }),
      );
      entries.set(key, entry);
      return entry;
    });
}

/** Returns a function that makes the key of an input. Inputs have the same key only if they are equal. */
export function inputKey<In>(
  combinator: string,
  service: unknown,
  { key: keyOf }: Partial<KeyConfig<In>> = {},
): (input: In) => string {
  if (typeof service !== 'function') throw new TypeError(mismatch(`${combinator}: service`, 'a function', service));
  if (keyOf !== undefined && typeof keyOf !== 'function') {
    throw new TypeError(mismatch(`${combinator}: key`, 'a function', keyOf));
  }
  return (input) => {
    const key: unknown = keyOf === undefined ? input : keyOf(input);
    if (!isReference(key)) return textOf(key);
    throw new TypeError(
      keyOf === undefined
        ? `${mismatch(`${combinator}: input`, 'a primitive', key)}: pass a key, such as { key: (input) => input.id }`
        : `${mismatch(`${combinator}: key`, 'to return a primitive', key)}: return a string or a number`,
    );
  };
}

/** The key of a context: of all its fields but the signal, the deadline and the run. */
export function contextKey(ctx: Context): string {
  const { deadline, propagate, ...rest } = detached(ctx);
  const fields = rest as Record<PropertyKey, unknown>;
  const carried = Reflect.ownKeys(fields)
    .filter((name) => fields[name] !== undefined)
    .map((name) => `${textOf(name)} ${textOf(fields[name])}`);
  const headers = Object.entries(propagate ?? {}).map(([name, value]) => `${textOf(name)} ${textOf(value)}`);
  return JSON.stringify([carried.sort(), headers.sort()]);
}

const objectIds = new WeakMap<object, number>();
const symbolIds = new Map<symbol, number>();
let lastId = 0;

/** Two values have the same text only if they are the same primitive or the same object. */
function textOf(value: unknown): string {
  if (isReference(value)) return `object ${String(identityOf(objectIds, value))}`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (typeof value === 'symbol') return `symbol ${String(identityOf(symbolIds, value))}`;
  return String(value);
}

function isReference(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function identityOf<K>(ids: { get(key: K): number | undefined; set(key: K, id: number): unknown }, key: K): number {
  const id = ids.get(key) ?? ++lastId;
  ids.set(key, id);
  return id;
}
