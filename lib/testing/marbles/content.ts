/** The parts of an object, by which it is compared and shown. */
export interface Content {
  readonly kind: 'list' | 'entries' | 'set' | 'map' | 'record';
  /** The parts that have an order. Those of `entries` are `[key, value]`. */
  readonly items: readonly unknown[];
  /** The entries of a map, and the values of a set as keys. They have no order. */
  readonly keyed: ReadonlyMap<unknown, unknown>;
  /** The enumerable properties, apart from the indices of a list. */
  readonly fields: ReadonlyMap<PropertyKey, unknown>;
}

/**
 * Reads the content of `value`, or returns `undefined` if nothing can: a `Blob`, a `WeakMap`, or an instance that has private
 * fields.
 *
 * The tag says what `value` is, because `instanceof` fails for an object of another realm, and test runners make realms.
 */
export function contentOf(value: object): Content | undefined {
  const tag = tagOf(value);
  if (ArrayBuffer.isView(value)) return list(tag === 'DataView' ? bytesOf(value) : (value as Uint8Array));
  if (tag.startsWith('Temporal.')) return list([textOf(value)], fieldsOf(value));
  switch (tag) {
    case 'Arguments':
    case 'Array':
      return isSparse(value as unknown[])
        ? list([], fieldsOf(value).set('length', (value as unknown[]).length))
        : list(value as unknown[], fieldsOf(value, /^\d+$/));
    case 'ArrayBuffer':
    case 'SharedArrayBuffer':
      return list(new Uint8Array(value as ArrayBuffer), fieldsOf(value));
    case 'RegExp':
      return list([textOf(value)], withLastIndex(value as RegExp));
    case 'URL':
      return list([textOf(value)], fieldsOf(value));
    case 'BigInt':
    case 'Boolean':
    case 'Date':
    case 'Number':
    case 'String':
    case 'Symbol':
      return list([value.valueOf()], fieldsOf(value, /^\d+$/));
    case 'FormData':
    case 'Headers':
    case 'URLSearchParams':
      return { ...list([...(value as Headers)], fieldsOf(value)), kind: 'entries' };
    case 'Map':
      return { ...record(value), kind: 'map', keyed: new Map(value as Map<unknown, unknown>) };
    case 'Set':
      return {
        ...record(value),
        kind: 'set',
        keyed: new Map(Array.from(value as Set<unknown>, (item) => [item, undefined])),
      };
  }
  const readable = isPlain(value) || (Object.keys(value).length > 0 && !hasPrivateState(value));
  return readable ? record(value) : undefined;
}

/** An error, with the fields by which tests compare it. */
export interface Failure extends Error {
  readonly code?: unknown;
  readonly service?: unknown;
  readonly errors?: unknown;
  readonly pending?: unknown;
}

export function isError(value: object): value is Failure {
  return value instanceof Error || /^(?:Error|DOMException)$/.test(tagOf(value));
}

/** The name of a class or a function, or an empty text. A class may have a static `name` of any type. */
export function nameOf(value: unknown): string {
  const { name } = typeof value === 'function' ? (value as { readonly name: unknown }) : { name: '' };
  return typeof name === 'string' ? name : '';
}

export function classNameOf(value: object): string {
  return nameOf((value as { readonly constructor?: unknown }).constructor);
}

const knownFields = /^(?:name|message|code|service|errors|pending|cause|stack|elapsed|info)$/;

/** The fields that only some errors have, such as `status`. A test knows neither the elapsed time nor the `info` of a `TimeoutError`. */
export function otherFieldsOf(error: Failure): Content['fields'] {
  return new Map([...fieldsOf(error, knownFields)].filter(([, field]) => field !== undefined));
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Returns `'Map'` for a map. */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/** The text of an object of the platform, which describes the whole object. */
export function textOf(value: object): string {
  return value.toString(); // eslint-disable-line @typescript-eslint/no-base-to-string -- its class has a method of its own
}

function list(items: ArrayLike<unknown>, fields: Content['fields'] = new Map()): Content {
  return { kind: 'list', items: Array.from(items), keyed: new Map(), fields };
}

function record(value: object): Content {
  return { kind: 'record', items: [], keyed: new Map(), fields: fieldsOf(value) };
}

function withLastIndex(value: RegExp): Content['fields'] {
  const fields = fieldsOf(value);
  return value.lastIndex === 0 ? fields : fields.set('lastIndex', value.lastIndex);
}

/** A hole is not `undefined`, and there may be millions of holes. */
function isSparse(items: readonly unknown[]): boolean {
  return Object.keys(items).length < items.length;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Says whether `value` comes from an object literal, in any realm, or has no prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** How classes read private fields, also where a compiler has replaced them, and the source of the platform's own classes. */
const privateState = /\.#|__private|private_?field|\[native code\]/i;

/** Only the source of a class shows whether its instances have private fields. */
function hasPrivateState(value: object): boolean {
  for (let object = value; !isPlain(object); object = Object.getPrototypeOf(object) as object) {
    const { constructor } = Object.getPrototypeOf(object) as Partial<object>;
    if (typeof constructor === 'function' && privateState.test(Function.prototype.toString.call(constructor)))
      return true;
  }
  return false;
}

/** The enumerable properties, symbols included, apart from the names that `except` matches. */
function fieldsOf(value: object, except?: RegExp): Map<PropertyKey, unknown> {
  const fields = new Map<PropertyKey, unknown>();
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === 'string' && except?.test(key)) continue;
    if (Object.prototype.propertyIsEnumerable.call(value, key)) fields.set(key, value[key as keyof typeof value]);
  }
  return fields;
}
