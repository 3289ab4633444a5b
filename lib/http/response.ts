import { asyncScheduler, Subscription, timer } from 'rxjs';
import { LazyAbortController } from '../core/abort.ts';
import { isPromiseLike } from '../core/assert.ts';
import type { FetchBody, FetchChunk, FetchResponse } from '../core/context.ts';
import { BodyTooLargeError } from '../errors/body-too-large-error.ts';
import { DecodeError } from '../errors/decode-error.ts';
import { ForkfastError, isSafeToken } from '../errors/forkfast-error.ts';
import { HttpError } from '../errors/http-error.ts';
import { NetworkError } from '../errors/network-error.ts';
import type { AbortableCall } from '../core/from-abortable.ts';

/** What errors say of a request: no credentials, no query. */
export interface Target {
  readonly method: string;
  readonly url: string;
}

/** How a response is read. */
export interface ReadOptions<T> {
  readonly maxBytes: number;
  /** What errors say was asked. */
  target(): Target;
  /** Of a body that arrived whole; `failure` says that it is no `what` but `9 bytes of text/html`, or empty. */
  decode(text: string, failure: (what?: string) => DecodeError): T;
}

/** Reads and decodes a response. An answer is read without Observables, and with a promise only where one waits. */
export function readText<T>(response: FetchResponse, options: ReadOptions<T>, call: AbortableCall<T>): void {
  const { status, headers, body } = response;
  if (status < 200 || status > 299) {
    excerpt(body, call, (parts) => {
      call.fail(
        () =>
          new HttpError({ ...options.target(), status, body: textOf(parts, false), retryAfter: retryAfter(headers) }),
      );
    });
    return;
  }
  const { maxBytes } = options;
  const parts: Uint8Array[] = [];
  let size = 0;
  const take = (chunk: Uint8Array): void => {
    parts.push(chunk);
    size += chunk.byteLength;
    if (!(size <= maxBytes)) call.fail(() => new BodyTooLargeError({ ...options.target(), maxBytes }));
  };
  const failure = (what?: string): DecodeError => {
    const contentType = mediaType(headers.get('content-type'));
    const held = `no ${String(what)} but ${String(size)} bytes of ${contentType ?? 'no content type'}`;
    return new DecodeError({ reason: what ? held : 'an empty body', ...options.target(), status, contentType });
  };
  read(body, call, take, (broke) => {
    if (broke) call.fail(() => networkError('a body cut short', options.target(), broke.cause));
    else call.succeed(() => options.decode(strictTextOf(parts, failure), failure));
  });
}

/** Reads a body as it arrives, and says when it has ended or broken. An abort cancels it: then nobody listens any more. */
function read(
  body: FetchBody | null,
  reading: { readonly controller: LazyAbortController; readonly ended: boolean },
  take: (chunk: Uint8Array) => void,
  ended: (broke?: { readonly cause: unknown }) => void,
): void {
  if (body === null) {
    ended();
    return;
  }
  let reader: ReturnType<FetchBody['getReader']>;
  try {
    reader = body.getReader();
  } catch (cause) {
    ended({ cause });
    return;
  }
  const stopListening = reading.controller.onAbort(() => {
    void cancel(reader);
  });
  const fail = (cause: unknown): void => {
    stopListening();
    ended({ cause });
  };
  const follow = (first: FetchChunk): void => {
    try {
      let chunk: FetchChunk | PromiseLike<FetchChunk> = first;
      while (!isPromiseLike(chunk)) {
        const { done, value } = chunk;
        if (done) stopListening();
        if (value !== undefined) take(value);
        if (reading.ended) return;
        if (done) {
          ended();
          return;
        }
        chunk = reader.read();
      }
      // Of a promise that is not the platform's nobody knows when, where and how often it calls back.
      Promise.resolve(chunk).then(follow, fail);
    } catch (cause) {
      ended({ cause }); // still listening: a body that makes no sense is canceled
    }
  };
  follow({ done: false });
}

async function cancel(reader: ReturnType<FetchBody['getReader']>): Promise<void> {
  try {
    await reader.cancel();
  } catch {
    // Whoever wanted to know has gone.
  }
}

/** With its charset, and no other parameter: what goes into a log is short, whatever the header holds. */
function mediaType(header: string | null): string | null {
  const [type = null] =
    /^[\w!#$&^.+-]{1,64}\/[\w!#$&^.+-]{1,64}(?: *; *charset=[\w-]{1,40})?/i.exec(String(header)) ?? [];
  return type;
}

/**
 * Reads the first 64 KiB of a failed response's body, for 100 ms at most. That is enough to show, and it often lets the
 * connection be used again. A body that drips does not delay the failure.
 */
function excerpt(
  body: FetchBody | null,
  call: { readonly controller: LazyAbortController },
  done: (parts: readonly Uint8Array[]) => void,
): void {
  const parts: Uint8Array[] = [];
  let room = 64 * 2 ** 10;
  const reading = { controller: new LazyAbortController(), ended: false };
  const listening = new Subscription();
  const finish = (): void => {
    if (reading.ended) return;
    reading.ended = true;
    listening.unsubscribe();
    reading.controller.abort(undefined);
    done(parts);
  };
  listening.add(timer(100).subscribe(finish));
  listening.add(call.controller.onAbort(finish));
  const take = (chunk: Uint8Array): void => {
    const part = chunk.subarray(0, room);
    parts.push(part);
    room -= part.byteLength;
    if (room <= 0) finish();
  };
  read(body, reading, take, finish);
}

/** Made when it is needed: not every test environment has one. */
let strict: TextDecoder | undefined;

function strictTextOf(parts: readonly Uint8Array[], failure: (what: string) => DecodeError): string {
  try {
    if (parts.length > 1) return textOf(parts, true);
    return (strict ??= new TextDecoder('utf-8', { fatal: true })).decode(parts[0]); // many times faster than a stream of one
  } catch {
    throw failure('UTF-8');
  }
}

function textOf(parts: readonly Uint8Array[], fatal: boolean): string {
  const decoder = new TextDecoder('utf-8', { fatal });
  return parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode();
}

/** Why there was no response. */
export function networkErrorOf(target: Target, cause: unknown): unknown {
  return cause instanceof ForkfastError ? cause : networkError('no answer', target, cause);
}

function networkError(what: string, target: Target, cause: unknown): NetworkError {
  if (refusedRedirect(cause)) return new NetworkError({ reason: 'a redirect, which is refused,', ...target, cause });
  const code = codeOf(cause);
  return new NetworkError({ reason: code === undefined ? what : `${what} (${code})`, ...target, cause });
}

/** The system's code, which platforms hide in the cause of a `TypeError: fetch failed`. */
function codeOf(error: unknown, depth = 3): string | undefined {
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return isSafeToken(code) ? code : codeOf(cause, depth - 1);
}

/** Only Node says so, and only in words. */
function refusedRedirect(error: unknown): boolean {
  const { cause } = (error ?? {}) as { cause?: { message?: unknown } };
  return cause?.message === 'unexpected redirect';
}

/** `Retry-After` in milliseconds from now: it holds seconds or a date. */
function retryAfter(headers: FetchResponse['headers']): number | undefined {
  const value = String(headers.get('retry-after')).trim();
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  // `Date.parse` alone would take `1.5` for a day in January.
  const at = /^[a-z]+, .* GMT$/i.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - asyncScheduler.now());
}
