import type { StandardSchemaV1 } from '@standard-schema/spec';
import { concatMap, from, map, of, type OperatorFunction } from 'rxjs';
import { describeType, hasMethod, isPromiseLike } from '../core/assert.ts';
import { ValidationError } from '../errors/validation-error.ts';

/**
 * Checks what comes against a schema: `unknown` in, the schema's output type out.
 *
 * Emits what the schema makes of each value (its defaults and transformations applied). Errors with `ValidationError` where
 * it has issues, and with whatever the schema throws. A synchronous schema stays synchronous.
 *
 * ```text
 * source  --a--b|            a fits, b does not
 * out     --a--#             ValidationError
 * ```
 *
 * @param schema - Any Standard Schema: zod, valibot and arktype fit as they are.
 * @throws TypeError where it is none.
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
  const standard = (schema as Partial<S> | undefined)?.['~standard'];
  if (!hasMethod(standard, 'validate')) throw new TypeError(`validate: ${describeType(schema)} is no Standard Schema`);
  const outcome = (result: StandardSchemaV1.Result<unknown>): StandardSchemaV1.InferOutput<S> => {
    if (result.issues) throw new ValidationError({ issues: result.issues });
    return result.value;
  };
  return concatMap((value) => {
    const result = schema['~standard'].validate(value);
    return isPromiseLike(result) ? from(result).pipe(map(outcome)) : of(outcome(result));
  });
}
