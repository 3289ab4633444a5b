interface Constants {
  readonly state: readonly number[];
  readonly rounds: readonly number[];
}

let constants: Constants | undefined;

/**
 * The SHA-256 digest of a text as hexadecimal digits (FIPS 180-4).
 *
 * WebCrypto's digest is a promise. A service may fail synchronously, and promises do not run in virtual time. A text with half of
 * a surrogate pair has the digest of the text with U+FFFD in its place.
 */
export function sha256(text: string): string {
  const { state: initial, rounds } = (constants ??= computeConstants());
  const state = [...initial];
  const message = padded(new TextEncoder().encode(text));
  const words: number[] = [];
  const word = (index: number): number => words[index] ?? 0;
  for (let offset = 0; offset < message.byteLength; offset += 64) {
    for (let index = 0; index < 64; index++) {
      if (index < 16) {
        words[index] = message.getUint32(offset + 4 * index);
        continue;
      }
      const [before15, before2] = [word(index - 15), word(index - 2)];
      const small0 = rotate(before15, 7) ^ rotate(before15, 18) ^ (before15 >>> 3);
      const small1 = rotate(before2, 17) ^ rotate(before2, 19) ^ (before2 >>> 10);
      words[index] = (word(index - 16) + small0 + word(index - 7) + small1) | 0;
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
    for (let index = 0; index < 64; index++) {
      const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const first = (h + big1 + ((e & f) ^ (~e & g)) + (rounds[index] ?? 0) + word(index)) | 0;
      const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    for (const [index, value] of [a, b, c, d, e, f, g, h].entries()) state[index] = ((state[index] ?? 0) + value) | 0;
  }
  return state.map((value) => (value >>> 0).toString(16).padStart(8, '0')).join('');
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

/** The text, a bit, zeros, and the number of bits, in whole blocks of 64 bytes. */
function padded(text: Uint8Array): DataView {
  const message = new Uint8Array(Math.ceil((text.length + 9) / 64) * 64);
  message.set(text);
  message[text.length] = 0x80;
  const view = new DataView(message.buffer);
  view.setUint32(message.length - 8, Math.floor(text.length / 2 ** 29));
  view.setUint32(message.length - 4, text.length * 8);
  return view;
}

/** The first 32 bits of the fractional parts of the roots of the first primes. */
function computeConstants(): Constants {
  const primes: number[] = [];
  for (let number = 2; primes.length < 64; number++) {
    if (primes.every((prime) => number % prime !== 0)) primes.push(number);
  }
  const fraction = (root: number): number => ((root % 1) * 2 ** 32) | 0;
  return {
    state: primes.slice(0, 8).map((prime) => fraction(prime ** (1 / 2))),
    rounds: primes.map((prime) => fraction(prime ** (1 / 3))),
  };
}
