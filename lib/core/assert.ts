import { read, shortName } from '../errors/foreign.ts';

/** Says what kind of value `value` is, without printing its content, which may be secret. */
export function describeType(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const constructor = read(value, 'constructor'); // text that was parsed may contain one
  const name = typeof constructor === 'function' ? read(constructor, 'name') : undefined;
  return typeof name === 'string' && name !== '' ? `an instance of ${shortName(name)}` : 'an object';
}

export function hasMethod(value: unknown, name: PropertyKey): boolean {
  return typeof (value as Record<PropertyKey, unknown> | null | undefined)?.[name] === 'function';
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return hasMethod(value, 'then');
}

/** Prevents an unhandled rejection where nobody waits for `value`. */
export function ignoreRejection(value: unknown): void {
  if (isPromiseLike(value)) value.then(undefined, () => undefined);
}

export function assertService(name: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new TypeError(`${mismatch(name, 'a function', value)}: pass (ctx, input) => an Observable or a promise`);
}

/** Checks a number of milliseconds that a timer can wait for: below 2^31. */
export function assertTimerMs(name: string, value: unknown, min: number): void {
  if (typeof value === 'number' && value >= min && value < 2 ** 31) return;
  throw new RangeError(mismatch(name, `at least ${String(min)} and below 2^31`, value));
}

export function assertPositiveInteger(name: string, value: unknown): void {
  if (Number.isInteger(value) && (value as number) >= 1) return;
  throw new RangeError(mismatch(name, 'a positive integer', value));
}

export function assertNonNegativeInteger(name: string, value: unknown): void {
  if (Number.isInteger(value) && (value as number) >= 0) return;
  throw new RangeError(mismatch(name, 'an integer of at least 0', value));
}

/** Whether `text` can be the name of a header, or a method: one or more characters of a token (RFC 9110, section 5.6.2). */
export function isToken(text: unknown): boolean {
  return typeof text === 'string' && /^[!#$%&'*+.^_`|~\w-]+$/.test(text);
}

/** Headers of the connection. Only the transport can set them: undici rejects them, and browsers drop them. */
export const connectionHeaders: ReadonlySet<string> = new Set(['expect', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** The message for a wrong argument: "hedge: after: expected at least 0 and below 2^31, got -1". */
export function mismatch(name: string, expected: string, value: unknown): string {
  return `${shortName(name)}: expected ${expected}, got ${describeType(value)}`;
}
