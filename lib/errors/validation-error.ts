import type { StandardSchemaV1 } from '@standard-schema/spec';
import { attempt, read, textOf, truncatedList } from './foreign.ts';
import { ForkfastError } from './forkfast-error.ts';

const maxPathLength = 80;
const maxMessageLength = 300;

/**
 * A value does not fit its schema.
 *
 * The message quotes the first five issues. `toJSON` keeps only their paths, cut at 80 characters, because the messages of a
 * schema may quote the value. The paths are keys. If a schema describes a map, they are keys of the body.
 *
 * @remarks The issues are those of Standard Schema (https://standardschema.dev).
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { validate } from 'forkfast';
 * import { z } from 'zod';
 *
 * const Profile = z.object({ name: z.string('expected a string') });
 *
 * of({ nam: 'Alice' })
 *   .pipe(validate(Profile))
 *   .subscribe({ error: (error) => console.log(error.message) }); // => name: expected a string
 * ```
 */
export class ValidationError extends ForkfastError {
  override readonly name = 'ValidationError' as const;
  override readonly code = 'ERR_VALIDATION' as const;
  /** The issues of Standard Schema, each with a `message` and a `path`. */
  readonly issues: readonly StandardSchemaV1.Issue[];

  constructor(options: { issues: readonly StandardSchemaV1.Issue[] }) {
    const { issues } = options;
    const listed: readonly unknown[] = attempt(() => Array.from(issues), []); // a schema may report anything
    const message = truncatedList(listed, '; ', (issue) =>
      [pathOf(issue), messageOf(issue)].filter(Boolean).join(': '),
    );
    const summary = `invalid ${truncatedList(listed, ', ', pathOf)}`.trimEnd();
    const paths = listed.slice(0, 5).map((issue) => ({ path: pathOf(issue) }));
    super(message, undefined, { issues: paths }, summary);
    this.issues = issues;
  }
}

/** The path of an issue, such as `profile.name`. Empty if the issue is with the whole value. */
function pathOf(issue: unknown): string {
  const path = read(issue, 'path');
  if (!attempt(() => Array.isArray(path), false)) return '';
  const keys = attempt(() => (path as unknown[]).slice(0, maxPathLength).map(keyOf), []);
  return keys.join('.').slice(0, maxPathLength);
}

/** The key of a segment of a path: the segment itself, or its `key`. */
function keyOf(segment: unknown): string {
  return textOf(typeof segment === 'object' ? read(segment, 'key') : segment, maxPathLength);
}

/** A schema may quote the value. */
function messageOf(issue: unknown): string {
  return textOf(read(issue, 'message'), maxMessageLength);
}
