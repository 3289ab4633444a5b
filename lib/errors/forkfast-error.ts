/**
 * What every error of forkfast is: an `Error` with a literal `name`, a stable `code`, and a `toJSON` that is safe to log.
 *
 * `toJSON` holds the fields and the chain of causes. Of a cause that is not forkfast's own it keeps `name` and `code`
 * only, where they are single words, and no text: messages of platforms and libraries quote URLs, header values and bodies.
 * Of a cause that is no `Error` it keeps the type.
 *
 * @remarks The shape is that of Node's system errors (`code`) and of ky's errors (literal names).
 *
 * @example
 * ```ts
 * import { throwError } from 'rxjs';
 * import { aggregate, background, ForkfastError, silent, withLogger } from 'forkfast';
 *
 * const ask = aggregate({ profile: () => throwError(() => new Error('boom')) }, withLogger(silent));
 *
 * ask(background).subscribe({
 *   error: (error) => console.log(error instanceof ForkfastError && error.code), // => ERR_SERVICE_FAILED
 * });
 * ```
 */
export abstract class ForkfastError extends Error {
  abstract override readonly name: string;
  /** Stable across versions: compare this, not the message. */
  abstract readonly code: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  /** `fields` become properties, and are fit for a log. */
  constructor(message?: string, options?: ErrorOptions, fields: Readonly<Record<string, unknown>> = {}) {
    super(message, options);
    Object.assign(this, (this.#fields = fields));
  }

  /** The fields that are fit for a log; the message says no more than they do. */
  toJSON(): Record<string, unknown> {
    return this.json(new Set());
  }

  /** The message without a word that is not our own. */
  protected get summary(): string {
    return this.message;
  }

  /** What `cause` may say in a line of ours. */
  protected static safeSummary(cause: unknown): string {
    if (cause instanceof ForkfastError) return cause.summary;
    const { name, code } = describeForeignError(cause);
    return code === undefined ? name : `${name} ${String(code)}`;
  }

  private json(seen: Set<unknown>): Record<string, unknown> {
    seen.add(this);
    const { name, code, summary: message, cause } = this;
    const own = { name, code, message, ...(#fields in this && this.#fields) };
    if (!('cause' in this)) return own;
    if (!(cause instanceof ForkfastError)) return { ...own, cause: describeForeignError(cause) };
    return seen.has(cause) ? own : { ...own, cause: cause.json(seen) };
  }
}

/** Any error as fields for a log. */
export function serialize(error: unknown): Record<string, unknown> {
  return error instanceof ForkfastError ? error.toJSON() : describeForeignError(error);
}

/** Of an error that is not our own its kind, and nothing of what is no error: that may be an answer, thrown whole. */
function describeForeignError(error: unknown): { name: string; code?: string | number } {
  if (!(error instanceof Error)) return { name: typeof error };
  const { name, code } = error as { name: unknown; code?: unknown };
  return {
    name: isSafeToken(name) ? name : 'Error',
    ...(isSafeToken(code) || typeof code === 'number' ? { code } : {}),
  };
}

/** What the name or the code of an error is: short, and no prose. */
export function isSafeToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\w$./:-]{1,64}$/.test(value);
}

/** The first five, and how many more there are: a line has an end, whatever an answer or a caller comes up with. */
export function truncatedList<T>(all: readonly T[], separator: string, words: (one: T) => string): string {
  const more = all.length - 5;
  return all.slice(0, 5).map(words).join(separator) + (more > 0 ? ` and ${String(more)} more` : '');
}

/** The second argument of `Error`: without a `cause` where none was given, even `undefined`. */
export function causeOf(options: { cause?: unknown }): ErrorOptions | undefined {
  return 'cause' in options ? { cause: options.cause } : undefined;
}
