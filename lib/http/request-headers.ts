import type { Context } from '../core/context.ts';

/** As pairs, with names in lower case: a `Headers` costs more, and the transport makes its own. */
export function headersOf(ctx: Context, own: RequestInit['headers'], accept: string | undefined): [string, string][] {
  const headers = sendable(own);
  const given = headers.map(([name]) => name);
  for (const [name, value] of sendable(definedIn(ctx.propagate))) {
    if (!given.includes(name)) headers.push([name, value]);
  }
  if (accept !== undefined && !headers.some(([name]) => name === 'accept')) headers.push(['accept', accept]);
  return headers;
}

/** The headers that have a value: frameworks type a header that may be missing as `string | undefined`. */
function definedIn(propagate: Context['propagate']): Record<string, string> {
  const entries = Object.entries(propagate ?? {});
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Refuses what HTTP cannot carry before the platform does, whose message quotes the value. */
function sendable(headers: RequestInit['headers']): [string, string][] {
  if (typeof headers === 'string') throw new TypeError('fetch: headers are a record, pairs or Headers, not a string');
  const entries = headers && Symbol.iterator in headers ? [...headers] : Object.entries(headers ?? {});
  return entries.map(([name, given]: readonly string[]): [string, string] => {
    const value = String(given);
    const [sound] = /^[!#$%&'*+.^_`|~\w-]+/.exec(name ?? '') ?? [''];
    if (name !== sound || sound === '') {
      throw new TypeError(
        `fetch: the name of a header, ${JSON.stringify(`${sound}…`)}, has a character that HTTP refuses`,
      );
    }
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
      throw new TypeError(
        `fetch: the value of header ${name} has a line break, a control or a character beyond Latin-1`,
      );
    }
    const padded = value !== value.trim();
    return [name.toLowerCase(), padded ? String(new Headers([[name, value]]).get(name)) : value];
  });
}
