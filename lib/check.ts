/** What is given from outside: checked where it is given, and refused in words that name it and say what to give. */

/** Names a value that is not what it should be, without printing what it holds. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' && constructor.name !== ''
    ? `an instance of ${constructor.name}`
    : 'an object';
}

export function hasMethod(value: unknown, name: PropertyKey): boolean {
  return typeof (value as Record<PropertyKey, unknown> | null | undefined)?.[name] === 'function';
}

/** A number that a timer can wait for: `least` or more, and below 2^31. */
export function atLeast(what: string, value: unknown, least: number): void {
  if (typeof value !== 'number' || !(value >= least && value < 2 ** 31)) {
    throw new RangeError(`${what} must be at least ${String(least)} and below 2^31, not ${kindOf(value)}`);
  }
}

export function positiveInteger(what: string, value: unknown): void {
  if (!Number.isInteger(value) || (value as number) < 1)
    throw new RangeError(`${what} must be a positive integer, not ${kindOf(value)}`);
}

export function whole(what: string, value: unknown): void {
  if (!Number.isInteger(value) || (value as number) < 0)
    throw new RangeError(`${what} must be a whole number, not ${kindOf(value)}`);
}
