import fc from 'fast-check';

/** What has broken other people's lines: ends of lines, escapes of terminals, quotes, half a character. */
const nasty = fc.constantFrom(
  ...[
    '\n',
    '\r',
    '\r\n',
    '\t',
    '\0',
    '\x0b',
    '\x0c',
    '\x1b[31m',
    '\x7f',
    '\x85',
    '\x9b31m',
    '\u2028',
    '\u2029',
    '\u202e',
  ],
  ...[
    '"',
    "'",
    '\\',
    '{',
    '}',
    ',',
    ':',
    '%s',
    '%j',
    '${x}',
    ' ',
    '€',
    'ä',
    '😀',
    '\ud800',
    '\udc00',
    'x',
    '__proto__',
  ],
);

/** Any text, and often one that somebody would inject. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.array(nasty, { maxLength: 6 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 12 }),
);

/** What every object has, and a name of a service may be too. */
export const inherited: readonly string[] = [
  ...Object.getOwnPropertyNames(Object.prototype),
  ...['prototype', 'then', 'length', 'name', 'toJSON', 'signal', 'propagate', ''],
];

/** A key that somebody would pollute a prototype with, or any other. */
export const key: fc.Arbitrary<string> = fc.oneof(fc.constantFrom(...inherited), text);
