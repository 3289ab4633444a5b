import {
  classNameOf,
  type Content,
  contentOf,
  type Failure,
  isError,
  isObject,
  otherFieldsOf,
  tagOf,
} from './content.ts';

/** A getter or a proxy that makes another object each time is nested without end. */
const maxDepth = 30_000;

type Pair = readonly [actual: unknown, expected: unknown];

/**
 * Compares deeply: objects by content, or by identity if their content cannot be read, and errors by the fields that describe
 * them.
 *
 * No comparison on npm does that: deep-eql says that any two `Headers` are equal, fast-equals says that equal ones differ, and
 * both say that instances with different private fields are equal.
 */
export function equal(actual: unknown, expected: unknown): boolean {
  return new Comparison().equal(actual, expected);
}

/**
 * A comparison of two values. It compares each pair of objects once, because a value may contain an object many times. It does
 * not recurse, because a value may be nested deeply.
 */
class Comparison {
  /** Pairs whose comparison has started. They are equal, or the whole comparison fails: a cycle leads back to them. */
  readonly #started = new Map<object, Set<object>>();
  readonly #order: (readonly [object, object])[] = [];
  readonly #contents = new Map<object, Content | undefined>();

  equal(actual: unknown, expected: unknown): boolean {
    const pairs: Pair[] = [[actual, expected]];
    /** The numbers of pairs that were left when the comparison entered an object: there is one for each object around a pair. */
    const left: number[] = [];
    for (let pair = pairs.pop(); pair; pair = pairs.pop()) {
      const [one, other] = pair;
      while (left.length > 0 && pairs.length < (left.at(-1) ?? 0)) left.pop();
      if (left.push(pairs.length) > maxDepth) return false;
      if (Object.is(one, other)) continue;
      if (!isObject(one) || !isObject(other)) return false;
      if (this.#start(one, other)) continue;
      try {
        if (!this.#compare(one, other, pairs)) return false;
      } catch {
        return false; // a proxy or a getter threw
      }
    }
    return true;
  }

  /** Returns whether the comparison of the two has started before. */
  #start(actual: object, expected: object): boolean {
    const others = this.#started.get(actual) ?? new Set();
    if (others.has(expected)) return true;
    this.#started.set(actual, others.add(expected));
    this.#order.push([actual, expected]);
    return false;
  }

  /** Returns `false` if the two differ. Otherwise they are equal if the pairs are that it adds to `pairs`. */
  #compare(actual: object, expected: object, pairs: Pair[]): boolean {
    if (isError(actual) && isError(expected)) {
      pairs.push(...pairsOfErrors(actual, expected));
      return true;
    }
    if (tagOf(actual) !== tagOf(expected)) return false;
    const [one, other] = [this.#contentOf(actual), this.#contentOf(expected)];
    if (!one || one.items.length !== other?.items.length) return false;
    for (const [at, item] of one.items.entries()) {
      if (!addPair(pairs, item, other.items[at])) return false;
    }
    return this.#compareKeyed(one.keyed, other.keyed, pairs) && this.#compareKeyed(one.fields, other.fields, pairs);
  }

  #contentOf(value: object): Content | undefined {
    if (!this.#contents.has(value)) this.#contents.set(value, contentOf(value));
    return this.#contents.get(value);
  }

  #compareKeyed(actual: Content['keyed'], expected: Content['keyed'], pairs: Pair[]): boolean {
    if (actual.size !== expected.size) return false;
    const objects: Pair[] = [];
    for (const [key, value] of actual) {
      if (!expected.has(key) && !isObject(key)) return false;
      if (!expected.has(key)) objects.push([key, value]);
      else if (!addPair(pairs, value, expected.get(key))) return false;
    }
    const rest = objects.length === 0 ? [] : [...expected].filter(([key]) => !actual.has(key));
    return objects.every((entry) => {
      const at = rest.findIndex((other) => this.#try(entry, other));
      return at >= 0 && rest.splice(at, 1);
    });
  }

  /** Forgets what a comparison has started that fails: only the whole comparison must not fail. */
  #try(actual: unknown, expected: unknown): boolean {
    const before = this.#order.length;
    if (this.equal(actual, expected)) return true;
    for (const [one, other] of this.#order.splice(before)) this.#started.get(one)?.delete(other);
    return false;
  }
}

/** Adds the two if they are objects. Returns `false` if they differ already. */
function addPair(pairs: Pair[], actual: unknown, expected: unknown): boolean {
  if (Object.is(actual, expected)) return true;
  pairs.push([actual, expected]);
  return isObject(actual) && isObject(expected);
}

/**
 * An expected error without a cause matches any cause, since tests cannot make the `TimeoutError` of a deadline. The same is true
 * of fields that only some errors have.
 */
function pairsOfErrors(actual: Failure, expected: Failure): Pair[] {
  const cause: Pair[] = 'cause' in expected ? [[actual.cause, expected.cause]] : [];
  const others = [...otherFieldsOf(expected)].map(([key, field]): Pair => [actual[key as keyof Failure], field]);
  return [[describingFields(actual), describingFields(expected)], ...cause, ...others];
}

/** Includes the name of the class, not the class, because each copy of a package has its own classes. */
function describingFields(error: Failure): readonly unknown[] {
  const { name, code, service, message, errors, pending } = error;
  return [classNameOf(error), name, code, service, message, errors, pending];
}
