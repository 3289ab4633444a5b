/** The parts of an object, by which it is compared and shown. */
export interface Content {
  /** The parts of an `entries`, a `map` and a `record` are `[key, value]`. Lists and entries have an order. */
  readonly kind: 'list' | 'entries' | 'set' | 'map' | 'record';
  readonly parts: readonly unknown[];
}

/**
 * Reads the content of `value`, or returns `undefined` if nothing can: a `Blob`, a `WeakMap`, or an instance that has only
 * private fields.
 *
 * The tag says what `value` is, because `instanceof` fails for an object of another realm, and test runners make realms.
 */
export function contentOf(value: object): Content | undefined {
  const tag = tagOf(value);
  if (ArrayBuffer.isView(value)) return list(tag === 'DataView' ? bytesOf(value) : (value as Uint8Array));
  switch (tag) {
    case 'Arguments':
    case 'Array':
      return list(value as unknown[]);
    case 'ArrayBuffer':
      return list(new Uint8Array(value as ArrayBuffer));
    case 'RegExp':
    case 'URL':
      return list([(value as RegExp | URL).toString()]);
    case 'BigInt':
    case 'Boolean':
    case 'Date':
    case 'Number':
    case 'String':
    case 'Symbol':
      return list([value.valueOf()]);
    case 'FormData':
    case 'Headers':
    case 'URLSearchParams':
      return { kind: 'entries', parts: [...(value as Headers)] };
    case 'Map':
      return { kind: 'map', parts: [...(value as Map<unknown, unknown>)] };
    case 'Set':
      return { kind: 'set', parts: [...(value as Set<unknown>)] };
  }
  const readable = Object.keys(value).length > 0 || isPlain(value);
  return readable ? { kind: 'record', parts: ownEntries(value) } : undefined;
}

/** An error, with the fields by which tests compare it. */
export interface Failure extends Error {
  readonly code?: unknown;
  readonly service?: unknown;
  readonly errors?: unknown;
}

export function isError(value: object): value is Failure {
  return value instanceof Error || /^(?:Error|DOMException)$/.test(tagOf(value));
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Returns `'Map'` for a map. */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function list(items: ArrayLike<unknown>): Content {
  return { kind: 'list', parts: Array.from(items) };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Says whether `value` comes from an object literal, in any realm, or has no prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function ownEntries(value: object): [PropertyKey, unknown][] {
  return Reflect.ownKeys(value)
    .filter((key) => Object.prototype.propertyIsEnumerable.call(value, key))
    .map((key) => [key, value[key as keyof typeof value]]);
}
