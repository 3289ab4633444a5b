import { describeType } from '../core/assert.ts';

/** What can be interpolated in {@link url}; a `URL` only as the base. */
export type UrlValue = string | number | bigint | boolean | URL;

/** What no value may change. */
const PARTS = ['protocol', 'host', 'username', 'password'] as const;

/**
 * Makes a `URL` of a template: a leading interpolation is the base, every later one a single path segment or query value.
 *
 * ``url`${base}/users/${id}?page=${page}` `` cannot be escaped from: values are encoded, and what would change the origin
 * or the number of path segments is refused.
 *
 * @returns A new `URL`. A relative base is resolved against the page's or the worker's URL where there is one.
 * @throws TypeError that quotes a value of the path, and none of the query: an empty or dot segment (`''`, `.`, `..`), a lone
 * surrogate, a value that is no string, finite number, bigint or boolean, a base that is no URL, has no scheme or has a
 * query, and anything that would change the origin.
 *
 * @example
 * ```ts
 * import { url } from 'forkfast';
 *
 * console.log(url`${'http://api.test/v1/'}/users/${'a/../b?c'}`.href); // => http://api.test/v1/users/a%2F..%2Fb%3Fc
 * ```
 */
export function url(template: TemplateStringsArray, ...values: readonly UrlValue[]): URL {
  const literals = [...template];
  const given: unknown[] = [...values];
  let base = String(literals.shift());
  let tail = '';
  if (base === '' && given.length > 0) {
    base = baseOf(given.shift());
    tail = String(literals.shift());
    if (/[?#]/.test(base) && (tail !== '' || literals.length > 0)) {
      throw new TypeError(`url: the base ${quote(base)} has a query or a fragment, which nothing can follow`);
    }
    if (tail.startsWith('/') && base.endsWith('/')) base = base.slice(0, -1);
  }
  for (const [index, literal] of literals.entries()) {
    tail += encode(given[index], !/[?#]/.test(base + tail)) + literal;
  }
  refuseDots(base, tail);

  const made = parseAbsoluteUrl(base + tail);
  const origin = parseAbsoluteUrl(base);
  if (!made && !origin) throw new TypeError(`url: ${whyUnparsable(base + tail)}`);
  if (!made || !origin || PARTS.some((part) => made[part] !== origin[part])) {
    throw new TypeError(`url: ${quote(tail)} changes the origin of ${quote(base)}`);
  }
  // A host with a port, of which the parser made a scheme.
  if (/^[^/]/.test(made.pathname)) throw new TypeError(`url: put http:// or https:// before ${quote(base)}`);
  return made;
}

function baseOf(value: unknown): string {
  if (typeof value === 'string' || value instanceof URL) return String(value);
  throw new TypeError(`url: the base must be a string or a URL, not ${describeType(value)}`);
}

function encode(value: unknown, inPath: boolean): string {
  const sound =
    typeof value === 'string' || typeof value === 'bigint' || typeof value === 'boolean' || Number.isFinite(value);
  if (!sound) throw new TypeError(`url: ${describeType(value)} is no path segment and no query value`);
  if (value === '' && inPath) throw new TypeError('url: "" is no path segment');
  try {
    return encodeURIComponent(String(value));
  } catch {
    throw new TypeError(`url: ${inPath ? clip(String(value)) : 'a value of the query'} has a lone surrogate`);
  }
}

/**
 * A parser resolves `.` and `..`, spelt `%2e` too: `/users/..` would ask for another resource. It takes a backslash for a
 * slash, and drops line breaks and tabs anywhere, and at the end all that is no print: a template may span lines.
 */
function refuseDots(base: string, tail: string): void {
  if (/[?#]/.test(base)) return;
  const segments = withoutQuery(tail).split(/[/\\]/);
  if (segments[0]) segments[0] = String(base.split(/[/\\]/).pop()) + segments[0];
  for (const segment of segments) {
    const seen = segment.replace(/[\t\n\r]|[^!-\uffff]+$/g, '');
    if (/^(?:\.|%2e){1,2}$/i.test(seen)) throw new TypeError(`url: ${quote(seen)} is no path segment`);
  }
}

/** Parses a URL; a relative one, where there is a page or a worker that it is relative to. */
export function parseAbsoluteUrl(text: string): URL | undefined {
  try {
    return new URL(text, page());
  } catch {
    return undefined;
  }
}

/** Says why `text` could not be resolved. */
export function whyUnparsable(text: string): string {
  const relative = page() === undefined && !/^[a-z][a-z\d+.-]*:/i.test(text);
  return `${quote(text)} ${relative ? 'is relative, and there is no page: give an absolute URL' : 'cannot be parsed'}`;
}

function page(): string | undefined {
  const { document, location } = globalThis as { document?: Document; location?: Location };
  return document?.baseURI ?? location?.href;
}

/**
 * Without userinfo and query: both may hold credentials, and an unparsable URL may have them anywhere before an `@`. Where one
 * follows a query, it may end a password that has a `?`, or be of the query: neither is told.
 */
function quote(text: string): string {
  const [scheme = ''] = /^(?:[a-z][a-z\d+.-]*:)?[/\\]{0,2}/i.exec(text) ?? [];
  const rest = text.slice(scheme.length);
  return clip(scheme + (/[?#].*@/s.test(rest) ? '…' : withoutQuery(rest.replace(/^.*@/s, ''))));
}

function withoutQuery(text: string): string {
  return text.replace(/[?#].*/s, '');
}

function clip(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
