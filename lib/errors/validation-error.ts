import type { StandardSchemaV1 } from '@standard-schema/spec';
import { ForkfastError, truncatedList } from './forkfast-error.ts';

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
    const message = truncatedList(issues, '; ', (issue) => [pathOf(issue), issue.message].filter(Boolean).join(': '));
    super(message, undefined, { issues: issues.slice(0, 5).map((issue) => ({ path: pathOf(issue) })) });
    this.issues = issues;
  }

  protected override get summary(): string {
    return `invalid ${truncatedList(this.issues, ', ', pathOf)}`.trimEnd();
  }
}

/** The path of an issue, such as `profile.name`. Empty if the issue is with the whole value. */
function pathOf({ path = [] }: StandardSchemaV1.Issue): string {
  const keys = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  return keys.join('.').slice(0, 80);
}
