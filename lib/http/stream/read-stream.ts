import { concatMap, identity, type Observable, throwError, timeout } from 'rxjs';
import { reportErrors } from '../../core/abort/report-errors.ts';
import { assertTimerMs } from '../../core/assert.ts';
import type { Context, FetchResponse } from '../../core/context.ts';
import type { AbortableCall, AbortableWork } from '../../core/from-abortable.ts';
import { BodyTooLargeError } from '../../errors/body-too-large-error.ts';
import { NetworkError } from '../../errors/network-error.ts';
import { type RequestOptions, send } from '../fetch.ts';
import { brokenBodyError } from '../network-error-of.ts';
import type { HttpRequest } from '../request.ts';
import { readBody } from '../response/read-body.ts';
import type { ReadOptions } from '../response/read-response.ts';

/** The options of `fetchLines` and `fetchEvents`. */
export interface StreamOptions extends RequestOptions {
  /**
   * The longest time without a byte from the server, in milliseconds, from the subscription on. After it the stream errors with
   * `NetworkError`. Comments of an event stream count, so a server can keep a quiet stream open.
   *
   * @defaultValue No bound.
   */
  readonly idle?: number | undefined;
  /**
   * The largest line, or the largest data of one event, in bytes after decoding. The size of the whole stream has no bound.
   *
   * @defaultValue 1_048_576 (1 MiB)
   */
  readonly maxBytes?: number;
}

/** Makes values of the chunks of one response. */
export interface ChunkReader<T> {
  /** Yields the values that `chunk` completes. May throw after some values. */
  push(chunk: Uint8Array): Iterable<T>;
  /** @throws if the stream may not end here. */
  end?(): void;
}

/**
 * Reads a response chunk by chunk. Emits a list of values for the head and for each chunk, and reads the next chunk only after the
 * subscriber has returned from `next`, so that a slow subscriber slows the server down.
 */
export function readChunks<T>(
  response: FetchResponse,
  request: ReadOptions,
  call: AbortableCall<readonly T[]>,
  reader: ChunkReader<T>,
): void {
  call.emitsEach = true;
  if (!call.ended) call.next([]); // the head counts as a sign of life
  readBody(response.body, {
    call,
    onChunk: (chunk) => {
      const values: T[] = [];
      try {
        for (const value of reader.push(chunk)) values.push(value);
      } catch (error) {
        call.next(values);
        call.fail(() => error);
        return;
      }
      call.next(values);
    },
    onEnd: (failure) => {
      if (failure) call.fail(() => brokenBodyError(failure.cause, request.target()));
      else {
        call.attempt(() => {
          reader.end?.();
          reportErrors(() => {
            call.complete();
          });
        });
      }
    },
  });
}

export const tooLarge =
  (request: ReadOptions): (() => BodyTooLargeError) =>
  () =>
    new BodyTooLargeError({ ...request.target(), maxBytes: request.maxBytes });

/** Emits each value of the lists that `http` emits, and bounds the time between two lists. */
export function stream<T>(
  ctx: Context,
  http: HttpRequest<readonly T[]>,
  idle: number | undefined,
  work?: AbortableWork<readonly T[]>,
): Observable<T> {
  const lists = send(ctx, http, work);
  if (idle === undefined) return lists.pipe(concatMap(identity));
  assertTimerMs('fetch: idle', idle, 1);
  const reason = `no bytes for ${String(idle)} ms`;
  const idleError = () => new NetworkError({ reason, kind: 'broken', ...http.target() });
  return lists.pipe(timeout({ each: idle, with: () => throwError(idleError) }), concatMap(identity));
}
