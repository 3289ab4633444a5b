import { defer, finalize, type Observable, ReplaySubject, share, tap } from 'rxjs';
import { withoutSignal } from './abort.ts';
import { kindOf } from './check.ts';
import type { Context } from './context.ts';
import { following } from './from-abortable.ts';

/** What tells one input from another by its value. */
export type Primitive = string | number | bigint | boolean | symbol | null | undefined | void;

/** What of an input tells it from others; a primitive input is its own key. */
export interface KeyConfig<In> {
  /** The same for inputs that are the same. */
  readonly key: (input: In) => Primitive;
}

/** Asks once for all who share. */
type Ask<T> = (signal: AbortSignal) => Observable<T>;

/**
 * Shares what is asked under one key on `ctx` among those who wait for it. It is forgotten when it fails, when the last who
 * waits has gone, and when it has answered, unless answers are kept.
 */
export function sharing(kept: boolean): <T>(key: string, ctx: Context, ask: Ask<T>) => Observable<T> {
  const known = new Map<string, Observable<unknown>>();
  return <T>(key: string, ctx: Context, ask: Ask<T>) =>
    defer(() => {
      let shared = known.get(key) as Observable<T> | undefined;
      if (shared) return shared;
      let answered = false;
      const forget = (): void => {
        if (known.get(key) === shared) known.delete(key);
      };
      let torn: { readonly error: unknown } | undefined;
      const tear = (error: unknown): void => {
        torn = { error };
      };
      shared = following(ctx, ask, () => tear).pipe(
        tap({
          error: forget, // before anybody is told: who retries must not be given what has just failed
          complete: () => {
            answered = true;
            if (!kept) forget();
          },
        }),
        finalize(() => {
          if (!answered) forget();
        }),
        share({ connector: () => new ReplaySubject<T>(1), resetOnComplete: !kept }),
        // Told to one who waited: `share` unsubscribes from its source when it has told everybody, and nobody would hear of it.
        finalize(() => {
          const thrown = torn;
          torn = undefined;
          if (thrown) throw thrown.error;
        }),
      );
      known.set(key, shared);
      return shared;
    });
}

/** The key of an input, as text; refuses what is no service and no key. */
export function inputKey<In>(
  name: string,
  service: unknown,
  config: Partial<KeyConfig<In>> = {},
): (input: In) => string {
  if (typeof service !== 'function') throw new TypeError(`${name}: a service, not ${kindOf(service)}`);
  if (config.key !== undefined && typeof config.key !== 'function') {
    throw new TypeError(`${name}: key must be a function, not ${kindOf(config.key)}`);
  }
  return (input) => {
    const key: unknown = config.key === undefined ? input : config.key(input);
    if ((typeof key === 'object' && key !== null) || typeof key === 'function') {
      throw new TypeError(`${name}: ${kindOf(key)} is no key: give { key: (input) => a primitive }`);
    }
    return textOf(key);
  };
}

/** The key of what a context carries, but for whose it is and how long it may take. */
export function contextKey(ctx: Context): string {
  const { deadline, propagate, ...rest } = withoutSignal(ctx);
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
  if (typeof value === 'symbol') return `symbol ${String(numbered(symbols, value))}`;
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
    return `object ${String(numbered(identities, value))}`;
  }
  return String(value);
}

function numbered<K>(
  numbers: { get(key: K): number | undefined; set(key: K, number: number): unknown },
  key: K,
): number {
  const number = numbers.get(key) ?? ++known;
  numbers.set(key, number);
  return number;
}
