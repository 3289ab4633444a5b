import { type Context, fetchResponse, HttpError, url } from 'forkfast';
import { undiciFetch } from 'forkfast/undici';
import { catchError, defer, EMPTY, expand, finalize, map, merge, type Observable, of, timeout } from 'rxjs';

/** A page as a client has seen it. */
export interface Page {
  readonly user: number;
  /** 0 if there was no response. */
  readonly status: number;
  /** The worker that responded. */
  readonly worker: string | undefined;
  /** Whether a service was replaced by its last good answer. */
  readonly stale: boolean;
  /** Milliseconds, of a response that has the header. */
  readonly retryAfter: number | undefined;
  /** Milliseconds until the response. */
  readonly elapsed: number;
}

/** The tenant of a user: each user has one of its own, so that the load as such reaches no quota. */
export const tenantOf = (user: number): string => `tenant-of-${String(user)}`;

const clients = 8;

/**
 * Requests the pages of `users`, with 8 clients at a time, each of which sends its next request when it has the last response.
 *
 * Clients keep their connections and never repeat a request, so that each lost request is a page without a status.
 */
export function load(base: string, users: Iterable<number>, tenant = tenantOf): Observable<Page> {
  return defer(() => {
    const fetch = undiciFetch(); // with connections of its own
    const remaining = users[Symbol.iterator]() as Iterator<number, undefined>;
    const next = (): Observable<Page> => {
      const result = remaining.next();
      return result.done === true ? EMPTY : pageOf({ fetch }, base, result.value, tenant(result.value));
    };
    const client = defer(next).pipe(expand(next));
    return merge(...Array.from({ length: clients }, () => client)).pipe(finalize(() => void fetch.close()));
  });
}

function pageOf(ctx: Context, base: string, user: number, tenant: string): Observable<Page> {
  const sentAt = performance.now();
  const page = (status: number, more: Partial<Page> = {}): Page => ({
    user,
    status,
    worker: undefined,
    stale: false,
    retryAfter: undefined,
    elapsed: performance.now() - sentAt,
    ...more,
  });
  return fetchResponse(ctx, url`${base}/users/${user}`, { as: 'text', headers: { 'x-tenant': tenant } }).pipe(
    map(({ status, headers }) =>
      page(status, { worker: headers.get('x-worker') ?? undefined, stale: headers.get('x-stale') !== null }),
    ),
    timeout(20_000), // so that the example ends, whatever happens
    catchError((error: unknown) =>
      of(error instanceof HttpError ? page(error.status, { retryAfter: error.retryAfter }) : page(0)),
    ),
  );
}
