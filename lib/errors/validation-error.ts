import type { StandardSchemaV1 } from '@standard-schema/spec';
import { ForkfastError, truncatedList } from './forkfast-error.ts';

/**
 * A value has another shape than it should: `issues` says what, and where.
 *
 * The message quotes the first five issues; `toJSON` keeps their paths only, cut at 80 characters, since a schema's messages
 * may quote the value. The paths are keys: of a map that a schema describes, keys of the body.
 *
 * @remarks The issues are those of Standard Schema (https://standardschema.dev).
 *
 * @example
 * ```ts
 * import { background, profileService } from 'forkfast';
 *
 * const profile = profileService('http://api.test');
 * const fetch = async () => Response.json({ nam: 'Alice' });
 *
 * profile({ fetch }, 42).subscribe({ error: (error) => console.log(error.message) }); // => name: expected a string
 * ```
 */
export class ValidationError extends ForkfastError {
  override readonly name = 'ValidationError' as const;
  override readonly code = 'ERR_VALIDATION' as const;
  readonly issues: readonly StandardSchemaV1.Issue[];

  constructor(options: { issues: readonly StandardSchemaV1.Issue[] }) {
    const { issues } = options;
    const told = issues.slice(0, 5).map((issue) => ({ path: pathOf(issue).join() }));
    super(
      truncatedList(issues, '; ', (issue) => [...pathOf(issue), issue.message].join(': ')),
      undefined,
      { issues: told },
    );
    this.issues = issues;
  }

  protected override get summary(): string {
    return `invalid${truncatedList(this.issues, ',', (issue) => String(pathOf(issue).map((path) => ` ${path}`)))}`;
  }
}

/** `profile.name`, or nothing where the issue is with the whole value. */
function pathOf({ path = [] }: StandardSchemaV1.Issue): [] | [string] {
  const keys = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  return keys.length === 0 ? [] : [keys.join('.').slice(0, 80)];
}
