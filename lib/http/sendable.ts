import { describeType, hasMethod, ignoreRejection, isToken, mismatch } from '../core/assert.ts';
import type { AbortableCall } from '../core/from-abortable.ts';
import { attempt, read } from '../errors/foreign.ts';
import { markRepeatable } from '../errors/repeatable.ts';

const forbiddenMethods = /^(?:CONNECT|TRACE|TRACK)$/i;
const caseInsensitiveMethods = /^(?:delete|get|head|options|post|put)$/i;
const redirectModes: readonly unknown[] = ['error', 'follow', 'manual', undefined, null];

/** The method as `fetch` sends it: only these six in upper case. A `patch` stays a `patch`, which few servers know. */
export function sentMethod(method: unknown): string {
  const name = String(method);
  return caseInsensitiveMethods.test(name) ? name.toUpperCase() : name;
}

/** Whether the fields of an `init` can be copied: those of a `Request` are inherited, and would be lost. */
export function isInit(init: unknown): boolean {
  return Object(init) === init && (!('method' in (init as object)) || Object.hasOwn(init as object, 'method'));
}

/**
 * Checks what every `fetch` checks before it sends a request, in words that quote no content.
 *
 * @throws TypeError for a method or a body that `fetch` cannot send.
 */
export function assertSendable(init: RequestInit & { readonly duplex?: unknown }): void {
  if (!isInit(init)) {
    throw new TypeError(`${mismatch('fetch: init', 'a plain object', init)}: pass { method: 'POST' }, for example`);
  }
  // A rest pattern would read the signal, and so create it.
  const { method = 'GET', body, redirect, duplex } = init;
  if (!isToken(method) || forbiddenMethods.test(method)) {
    throw new TypeError(
      'fetch: method: expected a method that fetch can send, got another: use GET or POST, for example',
    );
  }
  if (!redirectModes.includes(redirect)) {
    throw new TypeError(
      "fetch: redirect: expected 'error', 'follow' or 'manual', got another value: leave it out to refuse redirects",
    );
  }
  if (body == null) return;
  if (/^(?:GET|HEAD)$/i.test(method)) {
    throw new TypeError(`fetch: body: expected none with ${method.toUpperCase()}, got one: use another method`);
  }
  if (!isStream(body)) return;
  if (duplex !== 'half') {
    throw new TypeError(`fetch: duplex: expected 'half' for a stream, got ${describeType(duplex)}: add duplex: 'half'`);
  }
}

/** @throws TypeError for a value that JSON cannot hold. The message of the platform would quote names of the value. */
export function withJson(init: RequestInit, json: unknown): RequestInit {
  if (init.body != null)
    throw new TypeError('fetch: json: expected no body beside it, got one: pass either json or body');
  let body: unknown;
  try {
    body = JSON.stringify(json);
  } catch {
    throw new TypeError(
      'fetch: json: expected a value that JSON can hold, got a BigInt, a cycle or a toJSON that throws: pass plain data',
    );
  }
  if (typeof body === 'string') return { ...init, body };
  throw new TypeError(`${mismatch('fetch: json', 'a value that JSON can hold', json)}: pass plain data`);
}

/** Removes what HTTP counts as blank from both ends of a header's value. `trim` removes more, and is faster: it only finds candidates. */
export function trimmedValue(value: string): string {
  return value === value.trim() ? value : value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
}

/** Whether a body can be sent only once: a `ReadableStream`, or an async iterable such as Node's `Readable`. */
export function isStream(body: unknown): body is object {
  return hasMethod(body, 'getReader') || hasMethod(body, Symbol.asyncIterator);
}

/** Async iterables that a request has sent. Unlike a stream, they do not show that they have been read. */
const sent = new WeakSet();
/** The first failure of the request that sent a stream. */
const failures = new WeakMap<object, unknown>();

/**
 * Call it before a stream is sent.
 *
 * @throws the failure of the request that has sent the stream before, or TypeError for a stream that something else has read.
 */
export function beginSending(stream: object): void {
  if (isConsumed(stream)) {
    if (failures.has(stream)) throw failures.get(stream);
    throw new TypeError(
      'fetch: body: expected an unread stream, got a read one: make a stream for each attempt, as in defer',
    );
  }
  if (!hasMethod(stream, 'getReader')) sent.add(stream);
}

/** Remembers the first failure of a request with a stream, so that no retry hides it. */
export function recordFailure(stream: object, error: unknown): void {
  if (!isConsumed(stream)) return;
  markRepeatable(error, false);
  if (!failures.has(stream)) failures.set(stream, error);
}

/**
 * The bytes of a stream. It is read when the transport reads, and released when the call ends early: no transport releases a stream
 * that waits for its next chunk. A stream that nobody has read can be sent again.
 */
export function uploadOf(stream: object, call: AbortableCall<never>): object {
  if (typeof ReadableStream !== 'function') return stream;
  let source: OpenSource | undefined;
  const release = (reason: unknown): void => {
    attempt(() => {
      ignoreRejection(source?.release(reason));
    }, undefined);
  };
  call.controller.add({ onAbort: release });
  return new ReadableStream(
    {
      pull: async (upload) => {
        source ??= open(stream);
        for (;;) {
          const { done, value } = await source.read();
          if (done) {
            upload.close();
            return;
          }
          const bytes = bytesOf(value);
          if (!bytes) {
            const error = new TypeError(`${mismatch('fetch: body: a chunk', 'bytes or a text', value)}: encode it`);
            call.fail(() => error);
            throw error;
          }
          if (bytes.length > 0) {
            upload.enqueue(bytes);
            return;
          }
        }
      },
      cancel: release,
    },
    { highWaterMark: 0 },
  );
}

interface OpenSource {
  readonly read: () => Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>;
  readonly release: (reason: unknown) => unknown;
}

function open(stream: object): OpenSource {
  if (hasMethod(stream, 'getReader')) {
    const reader = (stream as ReadableStream<unknown>).getReader();
    return { read: () => reader.read(), release: (reason) => reader.cancel(reason) };
  }
  const iterator = (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  return {
    read: () => iterator.next(),
    // The iterator of a Readable would wait for the next chunk.
    release: () =>
      hasMethod(stream, 'destroy') ? (stream as { readonly destroy: () => unknown }).destroy() : iterator.return?.(),
  };
}

/** Node and undici read the numbers of a typed array as bytes, and stop at an empty chunk of an iterable. */
function bytesOf(chunk: unknown): Uint8Array | undefined {
  if (typeof chunk === 'string') return new TextEncoder().encode(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return isArrayBuffer(chunk) ? new Uint8Array(chunk) : undefined;
}

/** Also an `ArrayBuffer` of another realm. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return Object.prototype.toString.call(value) === '[object ArrayBuffer]';
}

function isConsumed(stream: object): boolean {
  if (!hasMethod(stream, 'getReader')) {
    return sent.has(stream) || read(stream, 'readableDidRead') === true || read(stream, 'destroyed') === true;
  }
  if ((stream as ReadableStream).locked) return true;
  if (typeof Response !== 'function') return false;
  try {
    return new Response(stream as ReadableStream).bodyUsed;
  } catch {
    return true; // only the platform knows whether an unlocked stream has been read
  }
}
