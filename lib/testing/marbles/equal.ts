import { contentOf, type Failure, isError, isObject, tagOf } from './content.ts';

/** Two objects whose comparison has started. */
type Pair = readonly [actual: object, expected: object];
type Same = (actual: unknown, expected: unknown) => boolean;

/**
 * Compares deeply: objects by content, or by identity if their content cannot be read, and errors by the fields that describe
 * them.
 *
 * No comparison on npm does that: deep-eql says that any two `Headers` are equal, fast-equals says that equal ones differ, and
 * both say that instances with different private fields are equal.
 */
export function equal(actual: unknown, expected: unknown, started: readonly Pair[] = []): boolean {
  if (Object.is(actual, expected)) return true;
  if (!isObject(actual) || !isObject(expected)) return false;
  // A cycle leads back to a pair whose comparison has started: that comparison decides.
  if (started.some(([one, other]) => one === actual && other === expected)) return true;
  const same: Same = (one, other) => equal(one, other, [...started, [actual, expected]]);
  try {
    if (isError(actual) && isError(expected)) return sameError(actual, expected, same);
    return tagOf(actual) === tagOf(expected) && sameContent(actual, expected, same);
  } catch {
    return false; // a proxy or a getter threw
  }
}

function sameContent(actual: object, expected: object, same: Same): boolean {
  const [one, other] = [contentOf(actual), contentOf(expected)];
  if (!one || one.parts.length !== other?.parts.length) return false;
  if (one.kind === 'list' || one.kind === 'entries') return one.parts.every((part, at) => same(part, other.parts[at]));
  const rest = [...other.parts];
  return one.parts.every((part) => {
    const at = rest.findIndex((candidate) => same(part, candidate));
    return at >= 0 && rest.splice(at, 1);
  });
}

/** An expected error without a cause matches any cause: tests cannot make the `TimeoutError` of a deadline. */
function sameError(actual: Failure, expected: Failure, same: Same): boolean {
  const sameFields = same(describingFields(actual), describingFields(expected));
  return sameFields && (!('cause' in expected) || same(actual.cause, expected.cause));
}

/** Includes the name of the class, not the class, because each copy of a package has its own classes. */
function describingFields({ constructor, name, code, service, message, errors }: Failure): readonly unknown[] {
  return [constructor.name, name, code, service, message, errors];
}
