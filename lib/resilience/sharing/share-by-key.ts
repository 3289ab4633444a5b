import { Observable } from 'rxjs';
import { mismatch } from '../../core/assert.ts';
import type { Context } from '../../core/context.ts';
import { detached } from '../../core/run-handle.ts';
import { circleError, Flight, flightKey, labelOf } from './flight.ts';
import { shareCall, type SharedCall } from './shared-call.ts';

/** An input that is its own key. */
export type Primitive = string | number | bigint | boolean | symbol | null | undefined | void;

/** How `perRun` and `singleFlight` recognize equal inputs. */
export interface KeyConfig<In> {
  /** Returns the same primitive for equal inputs. */
  readonly key: (input: In) => Primitive;
}

/** A call to share. It holds nothing of the caller that starts it, who may leave while others wait. */
interface KeyedCall<In, Out> {
  readonly combinator: string;
  readonly service: (ctx: never, input: In) => PromiseLike<Out> | Observable<Out>;
  /** The context of the call, apart from its signal. */
  readonly ctx: Context;
  readonly input: In;
  /** The key of the input. */
  readonly inputKey: string;
}

/** Shares one call among all who subscribe under the same key at the same time. */
export type ShareByKey = <In, Out>(key: string, caller: Context, call: KeyedCall<In, Out>) => Observable<Out>;

/**
 * An entry is removed when the work fails and when the last subscriber unsubscribes before the answer. It is also removed
 * when the work has answered, unless answers are kept. An entry is replaced if its flight is hung.
 */
export function shareByKey({ keepAnswers }: { readonly keepAnswers: boolean }): ShareByKey {
  const entries = new Map<string, SharedCall<never>>();
  const table = {}; // not the entries: a context that is kept must keep no answer

  const start = <In, Out>(key: string, call: KeyedCall<In, Out>): SharedCall<Out> => {
    const flight = new Flight(table, key, labelOf(call.service, call.combinator, call.inputKey));
    const shared = shareCall(flight, call, (answered) => {
      const kept = answered && keepAnswers;
      if (!kept && entries.get(key)?.flight === flight) entries.delete(key);
    });
    entries.set(key, shared);
    return shared;
  };

  return <In, Out>(key: string, caller: Context, call: KeyedCall<In, Out>) =>
    new Observable<Out>((subscriber) => {
      const existing = entries.get(key) as SharedCall<Out> | undefined;
      const circle = existing?.flight.ended === false && circleError(call.combinator, caller, existing.flight);
      if (circle) {
        subscriber.error(circle);
        return undefined;
      }
      const joins = existing && (existing.flight.ended || !existing.flight.hung);
      return (joins ? existing : start(key, call)).subscribe(caller, subscriber);
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

/** The key of a context: of all its fields but the signal, the deadline, the run and the flight. */
export function contextKey(ctx: Context): string {
  const { propagate, ...fields } = fieldsOf(ctx);
  const carried = Reflect.ownKeys(fields).map((name) => `${textOf(name)} ${textOf(fields[name])}`);
  const headers = Object.entries((propagate as Context['propagate']) ?? {});
  return JSON.stringify([carried.sort(), headers.map(([name, value]) => `${textOf(name)} ${textOf(value)}`).sort()]);
}

/** The first field of a context whose key holds an identity, which means nothing in another process. */
export function localFieldOf(ctx: Context): readonly [name: string, value: unknown] | undefined {
  const { propagate, ...fields } = fieldsOf(ctx);
  const local = Reflect.ownKeys(fields).find((name) => [name, fields[name]].some(isLocal));
  return local === undefined ? undefined : [String(local), typeof local === 'symbol' ? local : fields[local]];
}

/** Whether the text of the value holds an identity. */
export function isLocal(value: unknown): boolean {
  return isReference(value) || typeof value === 'symbol';
}

/** The fields of a context that decide who may share. */
function fieldsOf(ctx: Context): Record<PropertyKey, unknown> {
  const { deadline, [flightKey]: unused, ...rest } = detached(ctx) as Context & { [flightKey]?: Flight };
  const fields: Record<PropertyKey, unknown> = rest;
  for (const name of Reflect.ownKeys(fields)) if (fields[name] === undefined) Reflect.deleteProperty(fields, name);
  return fields;
}

const objectIds = new WeakMap<object, number>();
const symbolIds = new Map<symbol, number>();
let lastId = 0;

/** Two values have the same text only if they are the same primitive or the same object. */
export function textOf(value: unknown): string {
  if (isReference(value)) return `object ${String(identityOf(objectIds, value))}`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (typeof value === 'symbol') return `symbol ${String(identityOf(symbolIds, value))}`;
  return String(value);
}

export function isReference(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function identityOf<K>(ids: { get(key: K): number | undefined; set(key: K, id: number): unknown }, key: K): number {
  const id = ids.get(key) ?? ++lastId;
  ids.set(key, id);
  return id;
}
