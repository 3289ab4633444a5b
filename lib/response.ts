import { asyncScheduler, timer } from 'rxjs';
import { Abort } from './abort.ts';
import type { FetchBody, FetchResponse } from './context.ts';
import { BodyTooLargeError, DecodeError, ForkfastError, HttpError, isWord, NetworkError } from './errors.ts';

/** What errors say of a request: no credentials, no query. */
export interface Target {
  readonly method: string;
  readonly url: string;
}

/** How a response is read. */
export interface Reading<T> {
  readonly maxBytes: number;
  /** Of a body that arrived whole; `failure` says that it is no `what` but `9 bytes of text/html`, or empty. */
  readonly decode: (text: string, failure: (what?: string) => DecodeError) => T;
}

/** Reads and decodes a response. With promises and without Observables: this is the path of every answer. */
export async function valueOf<T>(
  response: FetchResponse,
  { maxBytes, decode }: Reading<T>,
  target: () => Target,
  abort: Abort,
): Promise<T> {
  const { status, headers, body } = response;
  if (status < 200 || status > 299) {
    const told = await excerpt(body, abort);
    throw new HttpError({ ...target(), status, body: told, retryAfter: retryAfter(headers) });
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    await read(body, abort, (chunk) => {
      parts.push(chunk);
      size += chunk.byteLength;
      if (size > maxBytes) throw new BodyTooLargeError({ ...target(), maxBytes });
    });
  } catch (cause) {
    throw cause instanceof BodyTooLargeError ? cause : broken('a body cut short', target(), cause);
  }
  const failure = (what?: string): DecodeError => {
    const contentType = mediaType(headers.get('content-type'));
    const held = `no ${String(what)} but ${String(size)} bytes of ${contentType ?? 'no content type'}`;
    return new DecodeError(what ? held : 'an empty body', { ...target(), status, contentType });
  };
  let text: string;
  try {
    text = textOf(parts, true);
  } catch {
    throw failure('UTF-8');
  }
  return decode(text, failure);
}

/** Reads a body as it arrives, to its end or until `take` throws. An abort cancels it; never an unhandled rejection. */
async function read(body: FetchBody | null, abort: Abort, take: (chunk: Uint8Array) => void): Promise<void> {
  if (body === null) return;
  const reader = body.getReader();
  const listener = {
    onAbort: () => {
      void cancel(reader);
    },
  };
  abort.listen(listener);
  while (!abort.over()) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      abort.unlisten(listener);
      throw error;
    }
    if (part.done) abort.unlisten(listener);
    if (part.value !== undefined) take(part.value);
    if (part.done) return;
  }
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

/** Of a failed response: enough to read and to reuse the connection, and no more; a body that drips delays no failure. */
async function excerpt(body: FetchBody | null, abort: Abort): Promise<string> {
  const parts: Uint8Array[] = [];
  let room = 64 * 2 ** 10;
  await new Promise<void>((resolve) => {
    const reading = new Abort();
    const enough = (): void => {
      reading.abort(undefined);
    };
    const late = timer(100).subscribe(enough);
    reading.listen({
      onAbort: () => {
        late.unsubscribe();
        resolve();
      },
    });
    abort.listen({ onAbort: enough });
    const taken = read(body, reading, (chunk) => {
      const part = chunk.subarray(0, room);
      parts.push(part);
      room -= part.byteLength;
      if (room <= 0) enough();
    });
    taken.then(enough, enough);
  });
  return textOf(parts, false);
}

/** Made when it is needed: not every test environment has one. */
let strict: TextDecoder | undefined;

function textOf(parts: readonly Uint8Array[], fatal: boolean): string {
  const [first] = parts;
  if (fatal && parts.length < 2) return (strict ??= new TextDecoder('utf-8', { fatal })).decode(first); // many times faster than a stream of one
  const decoder = new TextDecoder('utf-8', { fatal });
  return parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode();
}

/** Why there was no response. */
export function unanswered(target: Target, cause: unknown): unknown {
  return cause instanceof ForkfastError ? cause : broken('no answer', target, cause);
}

function broken(what: string, target: Target, cause: unknown): NetworkError {
  if (refusedRedirect(cause)) return new NetworkError('a redirect, which is refused,', { ...target, cause });
  const code = codeOf(cause);
  return new NetworkError(code === undefined ? what : `${what} (${code})`, { ...target, cause });
}

/** The system's code, which platforms hide in the cause of a `TypeError: fetch failed`. */
function codeOf(error: unknown, depth = 3): string | undefined {
  if (typeof error !== 'object' || error === null || depth === 0) return undefined;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return isWord(code) ? code : codeOf(cause, depth - 1);
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
