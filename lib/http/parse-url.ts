import { read } from '../errors/foreign.ts';

/**
 * Parses a URL. Where there is a page or a worker, a relative URL is resolved against its URL.
 *
 * @param where - The function that the caller called: it starts the message.
 * @throws TypeError that quotes the URL without its credentials and its query.
 */
export function parseUrl(where: string, text: string): URL {
  const url = tryParseUrl(text);
  if (url) return url;
  const relative = pageUrl() === undefined && !/^[a-z][a-z\d+.-]*:/i.test(text);
  throw new TypeError(
    relative
      ? `${where}: expected an absolute URL, since there is no page, got ${quoteUrl(text)}: add the scheme and the host`
      : `${where}: expected a valid URL, got ${quoteUrl(text)}: check its host and port`,
  );
}

/** The text of a string or of a `URL`, which may be that of another realm or of a polyfill. */
export function hrefOf(input: unknown): string | undefined {
  if (typeof input === 'string') return input;
  const href = typeof read(input, 'searchParams') === 'object' ? read(input, 'href') : undefined;
  return typeof href === 'string' ? href : undefined;
}

/** {@link parseUrl} that returns `undefined` for text that is not a URL. */
export function tryParseUrl(text: string): URL | undefined {
  try {
    return new URL(text, pageUrl());
  } catch {
    return undefined;
  }
}

/** The URL of the page or the worker, where there is one. */
export function pageUrl(): string | undefined {
  const { document, location } = globalThis as { document?: Document; location?: Location };
  return document?.baseURI ?? location?.href;
}

/** Reduces a URL to what errors may show: origin and path, or only the scheme, since a `data:` URL has content as its path. */
export function redactUrl({ origin, pathname, protocol }: URL): string {
  return /^https?:/.test(protocol) ? origin + pathname : protocol;
}

/**
 * Quotes text that may not be a valid URL, without its userinfo and its query: both may hold credentials. An `@` behind a `?`
 * may end a password or belong to the query, so then only the scheme is shown.
 */
export function quoteUrl(text: string): string {
  const [scheme = ''] = /^(?:[a-z][a-z\d+.-]*:)?[/\\]{0,2}/i.exec(text) ?? [];
  const rest = text.slice(scheme.length);
  return quote(scheme + (/[?#].*@/s.test(rest) ? '…' : withoutQuery(rest.replace(/^.*@/s, ''))));
}

/** Quotes the first 80 characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

export function withoutQuery(text: string): string {
  return text.replace(/[?#].*/s, '');
}
