import { catchError, map, of, type OperatorFunction, throwError, throwIfEmpty } from 'rxjs';
import { CanceledError } from '../errors/canceled-error.ts';

/** A value or an error, as in `Promise.allSettled`. */
export type Settled<T> =
  { readonly status: 'fulfilled'; readonly value: T } | { readonly status: 'rejected'; readonly reason: unknown };

/**
 * Turns an error into a value, for an optional part of an aggregate.
 *
 * Emits `{ status: 'fulfilled', value }` for each value. Emits `{ status: 'rejected', reason }` for an error and completes. If
 * the source completes without a value, the reason is an `EmptyError`. Errors only with a `CanceledError`: the caller no longer
 * needs the answer.
 *
 * ```text
 * source  --a--#
 * out     --f--(r|)
 * ```
 *
 * @remarks `Promise.allSettled`.
 *
 * @example
 * ```ts
 * import { of, throwError } from 'rxjs';
 * import { aggregate, background, settle } from 'forkfast';
 *
 * const page = aggregate({
 *   profile: () => of('Alice'),
 *   ads: () => throwError(() => new Error('no ads')).pipe(settle()),
 * });
 *
 * page(background).subscribe(({ profile, ads }) => console.log(profile, ads.status)); // => Alice rejected
 * ```
 */
export function settle<T>(): OperatorFunction<T, Settled<T>> {
  return (source) =>
    source.pipe(
      throwIfEmpty(),
      map((value): Settled<T> => ({ status: 'fulfilled', value })),
      catchError((reason: unknown) =>
        reason instanceof CanceledError ? throwError(() => reason) : of<Settled<T>>({ status: 'rejected', reason }),
      ),
    );
}
