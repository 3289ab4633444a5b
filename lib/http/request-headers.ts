import { mismatch } from '../core/assert.ts';
import type { Context } from '../core/context.ts';

type Header = [name: string, value: string];

/** Headers of the connection. Only the transport can set them: undici rejects them, and browsers drop them. */
const connectionHeaders: ReadonlySet<string> = new Set(['expect', 'keep-alive', 'transfer-encoding', 'upgrade']);

/**
 * The headers of a request: those of its `init`, then those of `ctx.propagate` that the `init` does not have, then `accept`.
 *
 * They are pairs with names in lower case. A `Headers` costs more, and the transport makes its own.
 *
 * @throws TypeError for a name or a value that HTTP cannot carry. The platform would throw too, but it quotes the value.
 */
export function requestHeaders(ctx: Context, own: RequestInit['headers'], accept: string | undefined): Header[] {
  const headers = validHeaders(own);
  const ownNames = headers.map(([name]) => name);
  // Frameworks type a header that may be missing as `string | undefined`.
  const propagated = Object.entries(ctx.propagate ?? {}).filter(([, value]) => value !== undefined) as Header[];
  for (const header of validHeaders(propagated)) {
    if (!ownNames.includes(header[0])) headers.push(header);
  }
  if (accept !== undefined && !headers.some(([name]) => name === 'accept')) headers.push(['accept', accept]);
  return headers;
}

function validHeaders(headers: RequestInit['headers']): Header[] {
  if (typeof headers === 'string') {
    throw new TypeError(mismatch('fetch: headers', 'a record, pairs or a Headers', headers));
  }
  const entries = headers && Symbol.iterator in headers ? [...headers] : Object.entries(headers ?? {});
  return entries.map(([name, value]: readonly string[]) => validHeader(name, String(value)));
}

function validHeader(name: string | undefined, value: string): Header {
  const [token] = /^[!#$%&'*+.^_`|~\w-]+/.exec(name ?? '') ?? [''];
  if (name !== token || token === '') {
    throw new TypeError(
      `fetch: header name: expected an HTTP token, got ${JSON.stringify(`${token}…`)}: use letters, digits and hyphens`,
    );
  }
  const lowerName = name.toLowerCase();
  if (connectionHeaders.has(lowerName) || (lowerName === 'content-length' && !/^\s*\d+\s*$/.test(value))) {
    throw new TypeError(`fetch: header ${lowerName}: expected a header that fetch can send, got another: leave it out`);
  }
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw new TypeError(
      `fetch: header ${name}: expected one line of Latin-1 text, got another character: encode the value`,
    );
  }
  // `Headers` trims what HTTP counts as blank. It is slow, and `trim` removes more: the comparison only finds candidates.
  const padded = value !== value.trim();
  return [lowerName, padded ? String(new Headers([[name, value]]).get(name)) : value];
}
