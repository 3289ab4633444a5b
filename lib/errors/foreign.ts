/**
 * Reads values from outside forkfast: whatever a service threw, or a caller passed.
 *
 * Nothing here throws, although a getter, a proxy or a conversion to text may throw. Texts have a bound, because a message may
 * hold a whole response. All code that says something of a foreign value reads the value through this file.
 */

/** Returns what `action` returns, or `otherwise` if it throws. */
export function attempt<T, E>(action: () => T, otherwise: E): T | E {
  try {
    return action();
  } catch {
    return otherwise;
  }
}

/** Reads a property. It is `undefined` if `value` has no properties, or if reading throws. */
export function read(value: unknown, key: PropertyKey): unknown {
  return attempt(() => (value as Record<PropertyKey, unknown>)[key], undefined);
}

/**
 * Whether `value` is an error, also of another realm, such as an iframe, a worker or the modules that Jest loads.
 *
 * `instanceof` does not see an error of another realm, but the error inherits from the `Error.prototype` of that realm.
 */
export function isError(value: unknown): value is Error {
  if (Object(value) !== value) return false;
  return attempt(() => {
    let prototype: unknown = Object.getPrototypeOf(value);
    // `DOMException.prototype` throws when its name is read.
    while (
      prototype !== null &&
      !(read(prototype, 'name') === 'Error' && Object.hasOwn(prototype as object, 'message'))
    ) {
      prototype = Object.getPrototypeOf(prototype);
    }
    return prototype !== null;
  }, false);
}

/** The text of a primitive. It is empty for an object, which may hold secrets or have no text. */
export function textOf(value: unknown, maxLength?: number): string {
  const isPrimitive = Object(value) !== value;
  return isPrimitive ? truncate(String((value as symbol | null | undefined) ?? ''), maxLength) : '';
}

/** Cuts a long text, but no surrogate pair. */
export function truncate(text: string, maxLength = 2_000): string {
  return text.length > maxLength ? `${text.slice(0, maxLength).replace(/[\ud800-\udbff]$/, '')}…` : text;
}

/** Cuts the name of a service, a run or a class for a message, a log line or a span. Any text may be the key of a record. */
export function shortName(name: string): string {
  return truncate(name, 200);
}

/** Joins the first five items and counts the rest, so that a line has a bound whatever a response or a caller contains. */
export function truncatedList<T>(items: readonly T[], separator: string, format: (item: T) => string): string {
  const rest = items.length - 5;
  return items.slice(0, 5).map(format).join(separator) + (rest > 0 ? ` and ${String(rest)} more` : '');
}
