import { mismatch } from '../core/assert.ts';
import { hrefOf, parseUrl, quote, quoteUrl, tryParseUrl, withoutQuery } from './parse-url.ts';

/** A value that can be interpolated in {@link url}. A `URL` can only be the base. */
export type UrlValue = string | number | bigint | boolean | URL;

/**
 * Builds a `URL` from a template and escapes its values, as in ``url`${base}/users/${id}?page=${page}` ``.
 *
 * A leading interpolation is the base. Each later one is a path segment, a part of a path segment, or a query value. No value
 * can change the origin or the number of path segments.
 *
 * @returns A new `URL`. A relative base is resolved against the URL of the page or the worker, where there is one.
 * @throws TypeError for an empty segment, a dot segment (`.`, `..`), a lone surrogate, or a value that is not a string, a finite
 * number, a bigint or a boolean; for a base that is not a URL, has no scheme, or has a query that something follows; and for a
 * template that would change the origin. The message quotes values of the path, but no values of the query.
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
  const remaining: unknown[] = [...values];
  let base = String(literals.shift());
  let tail = '';
  if (base === '' && remaining.length > 0) {
    base = baseOf(remaining.shift());
    tail = String(literals.shift());
    if (hasQuery(base) && (tail !== '' || remaining.length > 0)) {
      throw new TypeError(
        `url: base: expected a URL without a query and a fragment, got ${quoteUrl(base)} with one: put it behind the path`,
      );
    }
    if (tail.startsWith('/') && base.endsWith('/')) base = base.slice(0, -1);
  }
  for (const [index, literal] of literals.entries()) {
    tail += encode(remaining[index], !hasQuery(base + tail)) + literal;
  }
  if (!hasQuery(base)) assertNoDotSegment(base, tail);
  return resolve(base, tail);
}

function baseOf(value: unknown): string {
  const href = hrefOf(value);
  if (href !== undefined) return href;
  throw new TypeError(`${mismatch('url: base', 'a string or a URL', value)}: pass an absolute URL`);
}

function hasQuery(text: string): boolean {
  return /[?#]/.test(text);
}

function encode(value: unknown, inPath: boolean): string {
  const where = `url: ${inPath ? 'path segment' : 'query value'}`;
  const valid =
    typeof value === 'string' || typeof value === 'bigint' || typeof value === 'boolean' || Number.isFinite(value);
  if (!valid) throw new TypeError(mismatch(where, 'a string, a finite number, a bigint or a boolean', value));
  if (inPath && value === '') throw dotSegmentError('');
  try {
    return encodeURIComponent(String(value));
  } catch {
    const shown = inPath ? ` in ${quote(String(value))}` : '';
    throw new TypeError(`${where}: expected well-formed text, got a lone surrogate${shown}`);
  }
}

/**
 * Rejects segments that the parser would resolve: `/users/..` is another resource. The parser reads `%2e` as a dot and a backslash
 * as a slash. It drops tabs and line breaks everywhere, and controls and blanks at the end, so that a template may span lines.
 */
function assertNoDotSegment(base: string, tail: string): void {
  const segments = withoutQuery(tail).split(/[/\\]/);
  // Text right behind the base continues the last segment of the base.
  if (segments[0]) segments[0] = String(base.split(/[/\\]/).pop()) + segments[0];
  for (const segment of segments) {
    const parsed = segment.replace(/[\t\n\r]|[^!-\uffff]+$/g, '');
    if (/^(?:\.|%2e){1,2}$/i.test(parsed)) throw dotSegmentError(parsed);
  }
}

function dotSegmentError(segment: string): TypeError {
  return new TypeError(`url: path segment: expected text other than "", "." and "..", got ${quote(segment)}`);
}

/** The parts of a URL that nothing behind the base may change. */
const ORIGIN = ['protocol', 'host', 'username', 'password'] as const;

function resolve(base: string, tail: string): URL {
  const origin = tryParseUrl(base);
  const result = origin ? tryParseUrl(base + tail) : parseUrl('url', base + tail);
  if (!origin || !result || ORIGIN.some((part) => result[part] !== origin[part])) {
    throw new TypeError(
      `url: expected a path behind the base ${quoteUrl(base)}, got ${quoteUrl(tail)}, which changes the origin: ` +
        'put the whole origin into the base, and start the path with "/"',
    );
  }
  if (/^[^/]/.test(result.pathname)) {
    // `localhost:3000` is a URL with the scheme `localhost:`.
    throw new TypeError(
      `url: base: expected a URL with a scheme, got ${quoteUrl(base)}: put http:// or https:// before it`,
    );
  }
  return result;
}
