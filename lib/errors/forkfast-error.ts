/**
 * The base class of all forkfast errors: an `Error` with a literal `name`, a stable `code`, and a `toJSON` that is safe to log.
 *
 * `toJSON` returns the fields of the error and its chain of causes. It keeps only `name` and `code` of a cause that is not a
 * forkfast error, and only where they are single words. Messages of platforms and libraries quote URLs, header values and
 * bodies. It keeps only the type of a cause that is not an `Error`.
 *
 * @remarks The shape is that of Node's system errors (`code`) and of ky's errors (literal names).
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, background, ForkfastError } from 'forkfast';
 *
 * const dashboard = aggregate({ profile: () => throwError(() => new Error('boom')) });
 *
 * dashboard(background).subscribe({
 *   error: (error) => console.log(error instanceof ForkfastError && error.code), // => ERR_SERVICE_FAILED
 * });
 * ```
 */
export abstract class ForkfastError extends Error {
  abstract override readonly name: string;
  /** Stable across versions: compare the code, not the message. */
  abstract readonly code: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  /** @param fields - Become properties of the error. They must be safe to log. */
  constructor(message?: string, options?: ErrorOptions, fields: Readonly<Record<string, unknown>> = {}) {
    super(message, options);
    Object.assign(this, (this.#fields = fields));
  }

  /** The fields and the chain of causes. The message holds nothing that they do not hold. */
  toJSON(): Record<string, unknown> {
    return this.toJSONWithout(new Set());
  }

  /** The message without any text from outside forkfast. */
  protected get summary(): string {
    return this.message;
  }

  /** The part of `cause` that is safe to quote in a summary. */
  protected static safeSummary(cause: unknown): string {
    if (cause instanceof ForkfastError) return cause.summary;
    const { name, code } = describeForeignError(cause);
    return code === undefined ? name : `${name} ${String(code)}`;
  }

  /** A chain of causes may be circular: `printed` holds the errors that are part of the result already. */
  private toJSONWithout(printed: Set<unknown>): Record<string, unknown> {
    printed.add(this);
    const { name, code, summary: message, cause } = this;
    const fields = #fields in this ? this.#fields : {}; // an object that only inherits from the error has none
    const json = { name, code, message, ...fields };
    if (!('cause' in this)) return json;
    if (!(cause instanceof ForkfastError)) return { ...json, cause: describeForeignError(cause) };
    return printed.has(cause) ? json : { ...json, cause: cause.toJSONWithout(printed) };
  }
}

/** Any error as fields that are safe to log. */
export function serialize(error: unknown): Record<string, unknown> {
  return error instanceof ForkfastError ? error.toJSON() : describeForeignError(error);
}

/** Keeps only the type of a value that is not an `Error`: it may be a whole response that was thrown. */
function describeForeignError(error: unknown): { name: string; code?: string | number } {
  if (!(error instanceof Error)) return { name: typeof error };
  const { name, code } = error as { name: unknown; code?: unknown };
  return {
    name: isSafeToken(name) ? name : 'Error',
    ...(isSafeToken(code) || typeof code === 'number' ? { code } : {}),
  };
}

/** Whether `value` is a short single word, as the name or the code of an error is. */
export function isSafeToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\w$./:-]{1,64}$/.test(value);
}

/** Joins the first five items and counts the rest, so that a line has a bound whatever a response or a caller contains. */
export function truncatedList<T>(items: readonly T[], separator: string, format: (item: T) => string): string {
  const rest = items.length - 5;
  return items.slice(0, 5).map(format).join(separator) + (rest > 0 ? ` and ${String(rest)} more` : '');
}
