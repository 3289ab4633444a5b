import { contentOf, type Failure, isError, isObject, tagOf } from './content.ts';

/** Two objects whose comparison has started. */
type Pair = readonly [actual: object, expected: object];
type Same = (actual: unknown, expected: unknown) => boolean;

/**
 * Compares deeply: objects by content, or by identity if their content cannot be read, and errors by what they report.
 *
 * It is our own because no comparison on npm does that. deep-eql calls any two `Headers` equal, fast-equals none, and all call
 * two instances equal that have only private fields.
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
  const sameReport = same(reportOf(actual), reportOf(expected));
  return sameReport && (!('cause' in expected) || same(actual.cause, expected.cause));
}

/** Holds the name of the class instead of the class, since each copy of a package has its own classes. */
function reportOf({ constructor, name, code, service, message, errors }: Failure): readonly unknown[] {
  return [constructor.name, name, code, service, message, errors];
}
