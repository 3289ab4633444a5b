import fc from 'fast-check';

const controls = '\n \r \r\n \t \0 \x0b \x0c \x1b[31m \x7f \x85 \x9b31m \u2028 \u2029 \u202e'.split(' ');
const syntax = `" ' \\ { } , : %s %j \${x} € ä 😀 \ud800 \udc00 x __proto__`.split(' ');

/** Texts that have broken log lines and headers: line ends, terminal escapes, quotes, half of a surrogate pair. */
const nasty = fc.constantFrom(...controls, ...syntax, ' ');

/** Any text, and often one that an attacker would inject. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.array(nasty, { maxLength: 6 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 12 }),
);

/** Names of services that every object has as properties. */
export const inherited: readonly string[] = [
  ...Object.getOwnPropertyNames(Object.prototype),
  ...['prototype', 'then', 'length', 'name', 'toJSON', 'signal', 'propagate', ''],
];

/** Any key, and often one that could pollute a prototype. */
export const key: fc.Arbitrary<string> = fc.oneof(fc.constantFrom(...inherited), text);
