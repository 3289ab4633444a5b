import { hasMethod, mismatch } from '../../core/assert.ts';
import type { FetchResponse } from '../../core/context.ts';
import type { AbortableCall } from '../../core/from-abortable.ts';
import { BodyTooLargeError } from '../../errors/body-too-large-error.ts';
import { DecodeError } from '../../errors/decode-error.ts';
import { HttpError } from '../../errors/http-error.ts';
import { brokenBodyError, readBodyError, redirectError, type Target } from '../network-error-of.ts';
import { type BodySink, readBody, readExcerpt } from './read-body.ts';
import type { Header } from '../request-headers.ts';
import { retryAfterOf } from './retry-after.ts';

const redirects: readonly number[] = [301, 302, 303, 307, 308];

/** The request of a response. */
export interface ReadOptions {
  readonly maxBytes: number;
  /** Called only if there is an error to make. */
  target(): Target;
}

/** Makes an answer of a response. One object for all requests of a kind. */
export interface ResponseReader<T> {
  /** Sent unless the request has a header with the same name. */
  readonly headers: readonly Header[];
  /** Whether a 304 is an answer. By default it is an `HttpError`. */
  readonly answers304?: boolean;
  /** Whether the response may go on for longer than a run waits for its first values. */
  readonly isStream?: boolean;
  /** Reads a successful response, and ends `call`. */
  read(response: FetchResponse, request: ReadOptions, call: AbortableCall<T>): void;
}

/**
 * Passes a successful response to `reader`, and ends `call` with an error for any other.
 *
 * @param refusesRedirects - Whether a redirect is an error of its own kind: the transport knows no `redirect: 'error'`.
 */
export function readResponse<T>(
  response: FetchResponse,
  refusesRedirects: boolean,
  reader: ResponseReader<T>,
  request: ReadOptions,
  call: AbortableCall<T>,
): void {
  if (!isResponse(response)) {
    throw new TypeError(`${mismatch('fetch: response', 'a Response', response)}: resolve with one in ctx.fetch`);
  }
  const { status, headers, body } = response;
  if ((status < 200 || status > 299) && !(status === 304 && reader.answers304)) {
    readExcerpt(body, call, (chunks) => {
      call.fail(() => {
        if (isOpaqueRedirect(response) || (refusesRedirects && redirects.includes(status)))
          return redirectError(true, new Error('unexpected redirect'), request.target());
        const retryAfter = retryAfterOf(headers);
        const contentType = headers.get('content-type');
        const text = textOf(chunks, false);
        return new HttpError({ ...request.target(), status, headers, body: text, contentType, retryAfter });
      });
    });
    return;
  }
  if (isRead(response)) {
    call.fail(() => readBodyError(request.target()));
    return;
  }
  reader.read(response, request, call);
}

/** Makes the value of a complete body. */
export type BodyDecoder<T> = (chunks: readonly Uint8Array[], response: FetchResponse, request: ReadOptions) => T;

/** Reads a whole body of at most `maxBytes` bytes, and ends `call` with what `decode` returns or throws. */
export function readWhole<T>(
  response: FetchResponse,
  request: ReadOptions,
  call: AbortableCall<T>,
  decode: BodyDecoder<T>,
): void {
  readBody(response.body, new WholeBody(response, request, call, decode));
}

/** So many chunks are joined into a block: a chunk of one byte weighs more than 100 bytes. */
const BLOCK = 256;

class WholeBody<T> implements BodySink {
  readonly call: AbortableCall<T>;
  readonly #response: FetchResponse;
  readonly #request: ReadOptions;
  readonly #decode: BodyDecoder<T>;
  /** Blocks, and then the chunks that are not joined yet. */
  #chunks: Uint8Array[] = [];
  #blocks = 0;
  #size = 0;

  constructor(response: FetchResponse, request: ReadOptions, call: AbortableCall<T>, decode: BodyDecoder<T>) {
    this.call = call;
    this.#response = response;
    this.#request = request;
    this.#decode = decode;
  }

  onChunk(chunk: Uint8Array): void {
    const { maxBytes } = this.#request;
    if (this.#size === 0)
      this.#chunks = [chunk]; // most bodies have one chunk, and `push` would make room for 16 more
    else this.#chunks.push(chunk);
    if (this.#chunks.length - this.#blocks === BLOCK) {
      this.#chunks.push(joinChunks(this.#chunks.splice(this.#blocks++)));
    }
    this.#size += chunk.byteLength;
    if (!(this.#size <= maxBytes)) {
      this.call.fail(() => new BodyTooLargeError({ ...this.#request.target(), maxBytes }));
    }
  }

  onEnd(failure?: { readonly cause: unknown }): void {
    const { call } = this;
    if (failure) call.fail(() => brokenBodyError(failure.cause, this.#request.target()));
    else {
      call.attempt(() => {
        call.answer(this.#decode(this.#chunks, this.#response, this.#request));
      });
    }
  }
}

export function joinChunks(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** Throws errors without a cause: the platform's messages quote the body. */
export function decode<T>(
  chunks: readonly Uint8Array[],
  parse: (text: string) => T,
  response: FetchResponse,
  request: ReadOptions,
): T {
  let text: string | undefined;
  try {
    text = strictTextOf(chunks);
    return parse(text);
  } catch {
    const size = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const actual = text === '' ? 'an empty body' : `${String(size)} bytes`;
    throw decodeError(text === undefined ? 'UTF-8' : 'JSON', actual, response, request);
  }
}

/** @param actual - The number of bytes, for example. The media type follows, but not after `'an empty body'`. */
export function decodeError(
  expected: string,
  actual: string,
  { status, headers }: FetchResponse,
  request: ReadOptions,
): DecodeError {
  const contentType = mediaType(headers.get('content-type'));
  const type = actual === 'an empty body' ? '' : ` of ${contentType ?? 'no content type'}`;
  return new DecodeError({
    reason: `expected ${expected}, got ${actual}${type}`,
    ...request.target(),
    status,
    contentType,
  });
}

/** Created on first use: not every test environment has a `TextDecoder`. */
let strictDecoder: TextDecoder | undefined;

/** @throws TypeError for bytes that are not UTF-8. */
function strictTextOf(chunks: readonly Uint8Array[]): string {
  if (chunks.length > 1) return textOf(chunks, true);
  return (strictDecoder ??= new TextDecoder('utf-8', { fatal: true })).decode(chunks[0]); // many times faster than streaming
}

function textOf(chunks: readonly Uint8Array[], fatal: boolean): string {
  const decoder = new TextDecoder('utf-8', { fatal });
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode();
}

/** The media type with its charset, and no other parameter. It goes into messages and logs, so its length has a bound. */
function mediaType(header: string | null): string | null {
  const [type = null] =
    /^[\w!#$&^.+-]{1,64}\/[\w!#$&^.+-]{1,64}(?: {0,4}; {0,4}charset=[\w-]{1,40})?/i.exec(String(header)) ?? [];
  return type;
}

/** Whether a transport has resolved with what it promises to. A stub may return anything. */
function isResponse(response: unknown): response is FetchResponse {
  const { status, headers, body } = (response ?? {}) as Partial<FetchResponse>;
  return typeof status === 'number' && hasMethod(headers, 'get') && (body === null || hasMethod(body, 'getReader'));
}

/** Whether something else reads the body, or has read a part of it. */
function isRead(response: FetchResponse): boolean {
  const { bodyUsed, body } = response as Partial<Response>;
  return bodyUsed === true || body?.locked === true;
}

/** Browsers hide the status of a redirect that they do not follow. */
function isOpaqueRedirect({ type }: FetchResponse & { readonly type?: unknown }): boolean {
  return type === 'opaqueredirect';
}
