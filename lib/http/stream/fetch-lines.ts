import { defer, type Observable } from 'rxjs';
import { mismatch } from '../../core/assert.ts';
import type { Context } from '../../core/context.ts';
import { NetworkError } from '../../errors/network-error.ts';
import { HttpRequest } from '../request.ts';
import { decodeError, type ResponseReader } from '../response/read-response.ts';
import { LineSplitter } from './line-splitter.ts';
import { readChunks, stream, type StreamOptions, tooLarge } from './read-stream.ts';

/** The `init` of {@link fetchLines}. */
export interface FetchLinesInit<T = string> extends StreamOptions {
  /**
   * Makes a value of a line, such as `JSON.parse`. Empty lines are left out then. If it throws, the stream errors with `DecodeError`.
   *
   * @defaultValue Each line is emitted as text.
   */
  readonly parse?: (line: string) => T;
}

/**
 * Requests lines over HTTP, such as NDJSON: a cold Observable that emits each line as soon as it is complete, and completes with the
 * body.
 *
 * - A line ends with LF or CRLF. If the last line has no end, the stream errors with `NetworkError`: the body was cut short.
 * - It errors with `DecodeError` for a line that is not UTF-8 or that `parse` rejects, and with `BodyTooLargeError` for a line of more
 *   than `maxBytes` bytes. All other errors are those of {@link fetchJson}, as is what cancels it.
 * - It reads on when the subscriber has returned from `next`. So a slow subscriber slows the server down, unless an operator behind the
 *   stream buffers, such as `concatMap` with an asynchronous source.
 *
 * @remarks The format of JSON lines is described at https://github.com/ndjson/ndjson-spec.
 *
 * @example
 * ```ts
 * import { fetchLines } from 'forkfast';
 *
 * const fetch = async () => new Response('{"id":1}\n{"id":2}\n');
 * const parse = (line: string): { id: number } => JSON.parse(line);
 *
 * fetchLines({ fetch }, 'http://api.test/export', { parse }).subscribe(({ id }) => console.log(id));
 * // => 1
 * // => 2
 * ```
 */
export function fetchLines(ctx: Context, input: string | URL, init?: StreamOptions): Observable<string>;
export function fetchLines<T>(
  ctx: Context,
  input: string | URL,
  init: FetchLinesInit<T> & { readonly parse: (line: string) => T },
): Observable<T>;
export function fetchLines<T>(ctx: Context, input: string | URL, init?: FetchLinesInit<T>): Observable<string | T> {
  const { parse, idle } = init ?? {};
  const http = new HttpRequest(ctx, input, init, lineReader(parse), 2 ** 20);
  return defer(() => {
    if (parse == null || typeof parse === 'function') return stream(ctx, http, idle);
    throw new TypeError(`${mismatch('fetchLines: parse', 'a function', parse)}: pass JSON.parse, for example`);
  });
}

function lineReader<T>(parse: ((line: string) => T) | undefined): ResponseReader<readonly (string | T)[]> {
  return {
    headers: [],
    isStream: true,
    read: (response, request, call) => {
      const lines = new LineSplitter('lf', request.maxBytes, tooLarge(request));
      const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
      /** Errors have no cause: it could quote the line. */
      const attempt = <R>(expected: string, line: Uint8Array, make: () => R): R => {
        try {
          return make();
        } catch {
          throw decodeError(expected, `${String(line.length)} bytes`, response, request);
        }
      };
      readChunks(response, request, call, {
        *push(chunk) {
          for (const line of lines.push(chunk)) {
            const text = attempt('a line of UTF-8', line, () => decoder.decode(line));
            if (!parse) yield text;
            else if (text !== '') yield attempt('a line that parse accepts', line, () => parse(text));
          }
        },
        end() {
          if (!lines.isCut) return;
          const advice = 'end each line with a line feed';
          throw new NetworkError({ reason: 'a last line cut short', kind: 'broken', ...request.target(), advice });
        },
      });
    },
  };
}
