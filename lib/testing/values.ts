import deepEqual from 'deep-eql';

/** An error as tests compare it; `code`, `service` and `cause` where it has them. */
interface Failure extends Error {
  readonly code?: unknown;
  readonly service?: unknown;
}

/** Whether `actual` is what was expected: deeply; of errors, what they say rather than which instance they are. */
export function equal(actual: unknown, expected: unknown, around: readonly Failure[] = []): boolean {
  return deepEqual(actual, expected, {
    comparator: (one, other) => (isError(one) && isError(other) ? sameError(one, other, around) : null),
  });
}

/** `around`: the expected errors that this one is a cause of, which may be its own. */
function sameError(actual: Failure, expected: Failure, around: readonly Failure[]): boolean {
  return (
    equal(marks(actual), marks(expected)) &&
    // Of whoever expects no cause, none is asked: a deadline's is RxJS's, which nobody can make.
    (!('cause' in expected) || around.includes(expected) || equal(actual.cause, expected.cause, [...around, expected]))
  );
}

/** The class by its name: another copy of a package has another class. */
function marks({ constructor, name, code, service, message }: Failure): readonly unknown[] {
  return [constructor.name, name, code, service, message];
}

/** By the tag too: a runner's realm has an `Error` of its own. */
function isError(value: unknown): value is Failure {
  return value instanceof Error || /^\[object (Error|DOMException)\]$/.test(Object.prototype.toString.call(value));
}

/** A value in one line where it fits; of an error what it is compared by. */
export function show(value: unknown, around: readonly unknown[] = []): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `[function ${value.name}]`;
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  if (around.includes(value)) return '[circular]';
  const inside = (part: unknown): string => show(part, [...around, value]);
  if (isError(value)) return showError(value, inside);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? String(value) : value.toISOString();
  if (value instanceof RegExp || value instanceof URL) return String(value);
  if (Array.isArray(value)) return enclosed('[', value.map(inside), ']');
  const name = (value.constructor as { name?: string } | undefined)?.name ?? '';
  const kind = name === 'Object' || name === '' ? '' : `${name} `;
  return (
    kind +
    braced(
      value instanceof Set ? [...value].map(inside) : entriesOf(value).map(([key, part]) => `${key}: ${inside(part)}`),
    )
  );
}

function entriesOf(value: object): [string, unknown][] {
  return value instanceof Map ? [...value].map(([key, part]) => [show(key), part]) : Object.entries(value);
}

function braced(parts: readonly string[]): string {
  return parts.length === 0 ? '{}' : enclosed('{', parts, '}', ' ');
}

/** On a line for each part, where one for all would be too long to see what differs. */
function enclosed(open: string, parts: readonly string[], close: string, space = ''): string {
  const line = [open, parts.join(', '), close].join(space);
  if (line.length <= 120 && !line.includes('\n')) return line;
  return [open, ...parts.map((part) => `  ${part.replaceAll('\n', '\n  ')},`), close].join('\n');
}

/** `ServiceError: profile: boom { code: "ERR_SERVICE_FAILED", service: "profile" }, caused by Error: boom` */
function showError(error: Failure, inside: (part: unknown) => string): string {
  const { constructor, name, message, code, service } = error;
  const fields = Object.entries({ code, service }).filter(([, field]) => field !== undefined);
  const more = fields.map(([key, field]) => `${key}: ${inside(field)}`);
  return [
    `${name === 'Error' ? constructor.name : name}: ${message}`,
    more.length === 0 ? '' : ` ${braced(more)}`,
    'cause' in error ? `, caused by ${inside(error.cause)}` : '',
  ].join('');
}
