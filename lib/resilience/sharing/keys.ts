import { assertService, mismatch } from '../../core/assert.ts';
import type { Context } from '../../core/context.ts';
import { detached } from '../../core/run-handle.ts';
import type { IfNever } from '../../core/service.ts';
import { type Flight, flightKey } from './flight.ts';

/** An input that is its own key. */
export type Primitive = string | number | bigint | boolean | symbol | null | undefined | void;

/** How the combinators that share or keep answers recognize equal inputs. */
export interface KeyConfig<In> {
  /** Returns the same primitive for equal inputs. */
  readonly key: (input: In) => Primitive;
}

/** `unknown` for inputs that are their own keys, or else a sentence: the compiler shows it where the `key` is missing. */
export type KeyHint<In> = unknown extends In
  ? unknown
  : IfNever<
      Exclude<In, Primitive>,
      unknown,
      'the inputs are not primitives: pass a key, such as { key: (input) => input.id }'
    >;

/** The inputs of a combinator without a key. If its service accepts any input, they are primitives. */
export type KeyInput<In> = unknown extends In ? Primitive : In;

/** Returns a function that makes the key of an input. Inputs have the same key only if they are equal. */
export function inputKey<In>(
  combinator: string,
  service: unknown,
  { key: keyOf }: Partial<KeyConfig<In>> = {},
): (input: In) => string {
  assertService(`${combinator}: service`, service);
  if (keyOf !== undefined && typeof keyOf !== 'function') {
    throw new TypeError(`${mismatch(`${combinator}: key`, 'a function', keyOf)}: pass (input) => input.id`);
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
