import { equal } from './equal.ts';
import { show } from './show.ts';

/** Names values by letters: those of the test, a one-character string by itself, and others by the first free letter. */
export class Letters {
  readonly #named: [letter: string, value: unknown][];

  /** @param values - The second argument of `toBe`. */
  constructor(values: unknown) {
    const ofTest = typeof values === 'object' && values !== null ? Object.entries(values) : [];
    this.#named = ofTest.filter(([key]) => Array.from(key).length === 1);
  }

  of(value: unknown): string {
    if (this.#named.length > 500) return '?'; // nobody reads such a line, and each value is compared with all others
    const named = this.#named.find(([, other]) => equal(value, other));
    if (named) return named[0];
    const isFree = (letter: unknown): letter is string => !this.#named.some(([other]) => other === letter);
    const itself = typeof value === 'string' && /^[^-\s()|#^!]$/u.test(value) && isFree(value) ? value : undefined;
    const letter = itself ?? Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ').find(isFree) ?? '?';
    this.#named.push([letter, value]);
    return letter;
  }

  /** Lists the values of the letters in `texts`, except letters that are their own values. */
  legend(texts: readonly string[]): [letter: string, value: string][] {
    const shown = new Set(texts.flatMap((text) => Array.from(text)));
    return this.#named
      .filter(([letter, value]) => shown.has(letter) && value !== letter)
      .map(([letter, value]) => [letter, show(value)]);
  }
}
