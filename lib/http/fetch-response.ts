import { type Observable, throwError } from 'rxjs';
import { mismatch } from '../core/assert.ts';
import type { Context } from '../core/context.ts';
import { readOnly, type ResponseHeaders } from '../errors/http-error.ts';
import { type RequestOptions, send } from './fetch.ts';
import { HttpRequest } from './request.ts';
import { acceptJson, decodeOptionalJson, decodeText } from './response/body-readers.ts';
import { type BodyDecoder, joinChunks, readWhole, type ResponseReader } from './response/read-response.ts';

/** The `init` of {@link fetchResponse}. */
export interface FetchResponseInit extends RequestOptions {
  /**
   * The form of the body: parsed JSON, text, or a `Uint8Array`.
   *
   * @defaultValue `'json'`
   */
  readonly as?: 'json' | 'text' | 'bytes';
  /**
   * The largest body to accept, in bytes after decoding.
   *
   * @defaultValue 10_485_760 (10 MiB)
   */
  readonly maxBytes?: number;
}

/** The answer of {@link fetchResponse}. */
export interface FullResponse<Body> {
  /** The HTTP status: 200 to 299, or 304. */
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Body;
}

/**
 * Requests a response over HTTP: a cold Observable that emits the status, the headers and the body, and completes.
 *
 * `as` decides the type of the body. As JSON, an empty body is `undefined`, such as that of a 204, a 304 or a HEAD. A 304 is an answer,
 * so conditional requests need no error handler. In all else it behaves as {@link fetchJson}. The headers of a failed response are in
 * `HttpError.headers`.
 *
 * @remarks RFC 9110, section 13, describes conditional requests.
 *
 * @example
 * ```ts
 * import { fetchResponse } from 'forkfast';
 *
 * const fetch = async () => Response.json([{ id: 42 }], { headers: { etag: '"a1"', link: '</orders?page=2>; rel="next"' } });
 *
 * fetchResponse<{ id: number }[]>({ fetch }, 'http://api.test/orders').subscribe(({ status, headers, body }) => {
 *   console.log(status, headers.get('etag'), body); // => 200 "a1" [ { id: 42 } ]
 * });
 * ```
 */
export function fetchResponse<T = unknown>(
  ctx: Context,
  input: string | URL,
  init?: FetchResponseInit & { readonly as?: 'json' },
): Observable<FullResponse<T | undefined>>;
export function fetchResponse(
  ctx: Context,
  input: string | URL,
  init: FetchResponseInit & { readonly as: 'text' },
): Observable<FullResponse<string>>;
export function fetchResponse(
  ctx: Context,
  input: string | URL,
  init: FetchResponseInit & { readonly as: 'bytes' },
): Observable<FullResponse<Uint8Array<ArrayBuffer>>>;
export function fetchResponse(
  ctx: Context,
  input: string | URL,
  init?: FetchResponseInit,
): Observable<FullResponse<unknown>> {
  const { as = 'json' } = init ?? {};
  const reader: ResponseReader<FullResponse<unknown>> | undefined = Object.hasOwn(readers, as)
    ? readers[as]
    : undefined;
  if (reader) return send(ctx, new HttpRequest(ctx, input, init, reader));
  const message = mismatch('fetchResponse: as', "'json', 'text' or 'bytes'", as);
  return throwError(() => new TypeError(`${message}: leave it out for JSON`));
}

const readers = {
  json: /* @__PURE__ */ responseReader(acceptJson, decodeOptionalJson),
  text: /* @__PURE__ */ responseReader([], decodeText),
  bytes: /* @__PURE__ */ responseReader([], joinChunks),
};

function responseReader<T>(
  headers: ResponseReader<unknown>['headers'],
  decode: BodyDecoder<T>,
): ResponseReader<FullResponse<T>> {
  return {
    headers,
    answers304: true,
    read: (response, request, call) => {
      readWhole(response, request, call, (chunks) => ({
        status: response.status,
        headers: readOnly(response.headers),
        body: decode(chunks, response, request),
      }));
    },
  };
}
