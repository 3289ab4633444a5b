import type { StandardSchemaV1 } from '@standard-schema/spec';
import { concatMap, from, map, of, type OperatorFunction } from 'rxjs';
import { hasMethod, isPromiseLike, mismatch } from '../core/assert.ts';
import { ValidationError } from '../errors/validation-error.ts';

/**
 * Checks each value against a schema: `unknown` in, the schema's output type out.
 *
 * Emits the schema's output for each value, in order, with its defaults and transformations applied. Errors with
 * `ValidationError` if the schema reports issues, and with any error that the schema throws. A synchronous schema stays
 * synchronous.
 *
 * ```text
 * source  --a--b|            a fits, b does not
 * out     --a--#             ValidationError
 * ```
 *
 * @param schema - Any Standard Schema, for example of zod, valibot or arktype.
 * @throws TypeError if `schema` is not a Standard Schema.
 * @remarks Standard Schema (https://standardschema.dev).
 *
 * @example
 * ```ts
 * import { of } from 'rxjs';
 * import { validate } from 'forkfast';
 * import { z } from 'zod';
 *
 * const Profile = z.object({ name: z.string() });
 *
 * of({ name: 'Alice' }).pipe(validate(Profile)).subscribe(({ name }) => console.log(name)); // => Alice
 * of({ nam: 'Alice' }).pipe(validate(Profile)).subscribe({ error: ({ issues }) => console.log(issues[0].path) }); // => [ 'name' ]
 * ```
 */
export function validate<S extends StandardSchemaV1>(
  schema: S,
): OperatorFunction<unknown, StandardSchemaV1.InferOutput<S>> {
  if (!hasMethod((schema as Partial<S> | undefined)?.['~standard'], 'validate')) {
    throw new TypeError(
      `${mismatch('validate: schema', 'a Standard Schema', schema)}: pass a schema of zod or valibot`,
    );
  }
  const outputOf = (result: StandardSchemaV1.Result<unknown>): StandardSchemaV1.InferOutput<S> => {
    if (result.issues) throw new ValidationError({ issues: result.issues });
    return result.value;
  };
  return concatMap((value) => {
    const result = schema['~standard'].validate(value);
    return isPromiseLike(result) ? from(result).pipe(map(outputOf)) : of(outputOf(result));
  });
}
