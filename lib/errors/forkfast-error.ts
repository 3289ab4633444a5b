import { attempt, isError, prototypesOf, read, shortName, truncate } from './foreign.ts';

interface Details {
  /** The message without any text from outside forkfast. */
  readonly summary: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * The base class of all forkfast errors: an `Error` with a literal `name`, a stable `code`, and a `toJSON` that is safe to log.
 *
 * `toJSON` returns the fields of the error and its chain of causes. It keeps only `name` and `code` of a cause that is not a
 * forkfast error, and only where they are single words. Messages of platforms and libraries quote URLs, header values and
 * bodies. It keeps only the type of a cause that is not an `Error`.
 *
 * Messages and JSON have a bound: texts are cut at 2,000 characters, and a chain of causes after the fifth error. If a
 * list is longer than five, JSON has the first five items and their number, as in `pendingCount`. The properties of the error are complete.
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
  readonly #details: Details;

  /**
   * @param fields - Become properties of the error. They must be safe to log.
   * @param summary - The message without any text from outside forkfast.
   */
  constructor(
    message = '',
    options?: ErrorOptions,
    fields: Readonly<Record<string, unknown>> = {},
    summary: string = message,
  ) {
    super(truncate(message), options);
    Object.assign(this, fields);
    this.#details = { summary: truncate(summary), fields };
  }

  /** Defines `instanceof`, which would throw or never return for some proxies, as `false` for them. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return prototypesOf(value).includes(this.prototype);
  }

  /** The fields and the chain of causes. The message holds nothing that they do not hold. */
  toJSON(): Record<string, unknown> {
    return ForkfastError.#toJSON(this, new Set());
  }

  /** The part of `cause` that is safe to quote in a summary. */
  protected static safeSummary(cause: unknown): string {
    const details = ForkfastError.#detailsOf(cause);
    if (details) return details.summary;
    const { name, code } = describeForeignError(cause);
    return code === undefined ? name : `${name} ${String(code)}`;
  }

  /** A chain of causes may be circular: `printed` holds the errors that are part of the result already. */
  static #toJSON(error: unknown, printed: Set<unknown>): Record<string, unknown> {
    const details = ForkfastError.#detailsOf(error);
    if (!details || printed.size === 5) return describeForeignError(error);
    printed.add(error);
    // A class that extends this one may have getters that throw.
    const json = {
      name: read(error, 'name'),
      code: read(error, 'code'),
      message: details.summary,
      ...truncatedFields(details.fields),
    };
    const cause = read(error, 'cause');
    if (!attempt(() => 'cause' in (error as object), false) || printed.has(cause)) return json;
    return { ...json, cause: ForkfastError.#toJSON(cause, printed) };
  }

  /** The details of an error of forkfast, or of the one that `error` inherits from. */
  static #detailsOf(error: unknown): Details | undefined {
    for (const owner of [error, ...prototypesOf(error)]) {
      const details = attempt(() => (owner as ForkfastError).#details, undefined);
      if (details) return details;
    }
    return undefined;
  }
}

/** Any error as fields that are safe to log. */
export function serialize(error: unknown): Record<string, unknown> {
  const json = error instanceof ForkfastError ? attempt(() => error.toJSON(), undefined) : undefined;
  return json ?? describeForeignError(error);
}

/** Keeps only the type of a value that is not an `Error`: it may be a whole response that was thrown. */
function describeForeignError(error: unknown): { name: string; code?: string | number } {
  if (!isError(error)) return { name: typeof error };
  const name = read(error, 'name');
  const code = read(error, 'code');
  return {
    name: isSafeToken(name) ? name : 'Error',
    ...(isSafeToken(code) || typeof code === 'number' ? { code } : {}),
  };
}

/** Cuts long texts and lists. */
function truncatedFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    const isList = Array.isArray(value);
    json[key] = isList ? value.slice(0, 5).map((item: unknown) => ifText(item, shortName)) : ifText(value, truncate);
    if (isList && value.length > 5) json[`${key}Count`] = value.length;
  }
  return json;
}

function ifText(value: unknown, change: (text: string) => string): unknown {
  return typeof value === 'string' ? change(value) : value;
}

/** Whether `value` is a short single word, as the name or the code of an error is. */
export function isSafeToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\w$./:-]{1,64}$/.test(value);
}
