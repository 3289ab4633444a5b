import { kindOf } from './context.ts';

/** What can be interpolated in {@link url}; a `URL` only as the base. */
export type UrlValue = string | number | bigint | boolean | URL;

/**
 * Makes a `URL` of a template: a leading interpolation is the base, every later one a single path segment or query value.
 *
 * ``url`${base}/users/${id}?page=${page}` `` cannot be escaped from: values are encoded, and what would change the origin
 * or the number of path segments is refused.
 *
 * @returns A new `URL`. A relative base is resolved against `document.baseURI` where there is one.
 * @throws TypeError that quotes the value: an empty or dot segment (`''`, `.`, `..`), a lone surrogate, a value that is no
 * string, finite number, bigint or boolean, a base that is no URL, and anything that would change the origin.
 *
 * @example
 * ```ts
 * import { url } from 'forkfast';
 *
 * console.log(url`${'http://api.test/v1/'}/users/${'a/../b?c'}`.href); // => http://api.test/v1/users/a%2F..%2Fb%3Fc
 * ```
 */
export function url(template: TemplateStringsArray, ...values: readonly UrlValue[]): URL {
  const [head = '', ...rest] = template;
  const leading = head === '' && values.length > 0;
  let base = leading ? baseOf(values[0]) : head;
  let tail = leading ? (rest.shift() ?? '') : '';
  if (leading && tail.startsWith('/')) {
    if (/[?#]/.test(base)) throw new TypeError(`url: the base ${quote(base)} has a query or a fragment`);
    if (base.endsWith('/')) base = base.slice(0, -1);
  }
  for (const [index, literal] of rest.entries()) {
    const value = values[leading ? index + 1 : index];
    tail += encode(value, !/[?#]/.test(base + tail)) + literal;
  }
  refuseDots(base, tail);

  const made = parse(base + tail);
  const given = parse(base);
  for (const part of ['protocol', 'host', 'username', 'password'] as const) {
    if (made[part] !== given[part]) throw new TypeError(`url: ${quote(tail)} changes the ${part} of ${quote(base)}`);
  }
  return made;
}

function baseOf(value: unknown): string {
  if (typeof value === 'string' || value instanceof URL) return String(value);
  throw new TypeError(`url: the base must be a string or a URL, not ${kindOf(value)}`);
}

function encode(value: unknown, inPath: boolean): string {
  const sound =
    typeof value === 'string' || typeof value === 'bigint' || typeof value === 'boolean' || Number.isFinite(value);
  if (!sound) throw new TypeError(`url: ${kindOf(value)} is no path segment and no query value`);
  if (value === '' && inPath) throw new TypeError('url: "" is no path segment');
  try {
    return encodeURIComponent(String(value));
  } catch {
    throw new TypeError(`url: ${quote(String(value))} has a lone surrogate`);
  }
}

/** A parser resolves `.` and `..`, spelt `%2e` too: `/users/..` would ask for another resource. */
function refuseDots(base: string, tail: string): void {
  const [before = ''] = base.split(/[?#]/);
  const [path = ''] = before === base ? tail.split(/[?#]/) : [];
  const straddling = before.slice(before.lastIndexOf('/') + 1);
  const [first = '', ...others] = path.split('/');
  for (const segment of [first === '' ? '' : straddling + first, ...others]) {
    if (/^(?:\.|%2e){1,2}$/i.test(segment)) throw new TypeError(`url: ${quote(segment)} is no path segment`);
  }
}

function parse(text: string): URL {
  try {
    return new URL(text, (globalThis as { document?: Document }).document?.baseURI);
  } catch {
    throw new TypeError(`url: ${quote(text)} is no absolute URL, and there is no page to resolve it against`);
  }
}

/** Without userinfo and query: a base may hold credentials. */
function quote(text: string): string {
  const [path = ''] = text.replace(/\/\/[^/?#]*@/, '//').split(/[?#]/);
  return JSON.stringify(path.length > 80 ? `${path.slice(0, 80)}…` : path);
}
