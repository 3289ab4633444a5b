import { Subscription, timer } from 'rxjs';
import { LazyAbortController } from '../../core/abort.ts';
import { isPromiseLike } from '../../core/assert.ts';
import type { FetchBody, FetchChunk } from '../../core/context.ts';

/** The reading ends early when its controller aborts, and then the body is canceled. */
interface Reading {
  readonly controller: LazyAbortController;
  readonly ended: boolean;
}

/**
 * Reads a body chunk by chunk. Calls `onEnd` once when the body has ended or broken, but not after an abort.
 *
 * It uses no Observable, and a promise only where it must wait, so that small responses stay cheap.
 */
export function readBody(
  body: FetchBody | null,
  reading: Reading,
  onChunk: (chunk: Uint8Array) => void,
  onEnd: (failure?: { readonly cause: unknown }) => void,
): void {
  if (body === null) {
    onEnd();
    return;
  }
  let reader: ReturnType<FetchBody['getReader']>;
  try {
    reader = body.getReader();
  } catch (cause) {
    onEnd({ cause });
    return;
  }
  const stopListening = reading.controller.onAbort(() => {
    void cancel(reader);
  });
  const onRejection = (cause: unknown): void => {
    stopListening(); // a body that broke needs no cancel
    onEnd({ cause });
  };
  const readFrom = (first: FetchChunk): void => {
    try {
      let chunk: FetchChunk | PromiseLike<FetchChunk> = first;
      while (!isPromiseLike(chunk)) {
        const { done, value } = chunk;
        if (done) stopListening();
        if (value !== undefined) onChunk(value);
        if (reading.ended) return;
        if (done) {
          onEnd();
          return;
        }
        chunk = reader.read();
      }
      // Foreign thenables may call back synchronously or more than once. `Promise.resolve` normalizes them.
      Promise.resolve(chunk).then(readFrom, onRejection);
    } catch (cause) {
      onEnd({ cause }); // the abort that follows cancels the body
    }
  };
  readFrom({ done: false });
}

async function cancel(reader: ReturnType<FetchBody['getReader']>): Promise<void> {
  try {
    await reader.cancel();
  } catch {
    // The call has ended, so nobody waits for the outcome.
  }
}

/**
 * Reads the first 64 KiB of a failed response's body, for 100 ms at most, and cancels the rest. That is enough to show. It often
 * frees the connection for another request, and a body that drips does not delay the failure.
 */
export function readExcerpt(
  body: FetchBody | null,
  call: { readonly controller: LazyAbortController },
  onEnd: (chunks: readonly Uint8Array[]) => void,
): void {
  const chunks: Uint8Array[] = [];
  let bytesLeft = 64 * 2 ** 10;
  const reading = { controller: new LazyAbortController(), ended: false };
  const subscription = new Subscription();
  const end = (): void => {
    if (reading.ended) return;
    reading.ended = true;
    subscription.unsubscribe();
    reading.controller.abort(undefined);
    onEnd(chunks);
  };
  subscription.add(timer(100).subscribe(end));
  subscription.add(call.controller.onAbort(end));
  const onChunk = (chunk: Uint8Array): void => {
    const part = chunk.subarray(0, bytesLeft);
    chunks.push(part);
    bytesLeft -= part.byteLength;
    if (bytesLeft <= 0) end();
  };
  readBody(body, reading, onChunk, end);
}
