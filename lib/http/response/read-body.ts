import { Subscription, timer } from 'rxjs';
import { type AbortListener, AbortSource } from '../../core/abort.ts';
import { isPromiseLike } from '../../core/assert.ts';
import type { FetchBody, FetchChunk } from '../../core/context.ts';

/** Receives a body chunk by chunk. */
export interface BodySink {
  /** The reading ends early when its controller aborts, and then the body is canceled. */
  readonly call: { readonly controller: AbortSource; readonly ended: boolean };
  onChunk(chunk: Uint8Array): void;
  /** Called once when the body has ended or broken, but not after an abort. */
  onEnd(failure?: { readonly cause: unknown }): void;
}

type BodyReader = ReturnType<FetchBody['getReader']>;

/** Reads a body without an Observable, and with a promise only where it must wait, so that small responses stay cheap. */
export function readBody(body: FetchBody | null, sink: BodySink): void {
  if (body === null) {
    sink.onEnd();
    return;
  }
  let reader: BodyReader;
  try {
    reader = body.getReader();
  } catch (cause) {
    sink.onEnd({ cause });
    return;
  }
  new Reading(reader, sink).start();
}

class Reading implements AbortListener {
  readonly #reader: BodyReader;
  readonly #sink: BodySink;

  constructor(reader: BodyReader, sink: BodySink) {
    this.#reader = reader;
    this.#sink = sink;
  }

  start(): void {
    this.#sink.call.controller.add(this);
    this.#readFrom({ done: false });
  }

  onAbort(): void {
    void cancel(this.#reader);
  }

  #readFrom(first: FetchChunk): void {
    const sink = this.#sink;
    try {
      let chunk: FetchChunk | PromiseLike<FetchChunk> = first;
      while (!isPromiseLike(chunk)) {
        const { done, value } = chunk;
        if (done) this.#stopListening();
        if (value !== undefined) sink.onChunk(value);
        if (sink.call.ended) return;
        if (done) {
          sink.onEnd();
          return;
        }
        chunk = this.#reader.read();
      }
      this.#wait(chunk);
    } catch (cause) {
      sink.onEnd({ cause }); // the abort that follows cancels the body
    }
  }

  /** Foreign thenables may call back synchronously or more than once. `Promise.resolve` normalizes them. */
  #wait(chunk: PromiseLike<FetchChunk>): void {
    Promise.resolve(chunk).then(
      (next) => {
        this.#readFrom(next);
      },
      (cause: unknown) => {
        this.#stopListening(); // a body that broke needs no cancel
        this.#sink.onEnd({ cause });
      },
    );
  }

  #stopListening(): void {
    this.#sink.call.controller.remove(this);
  }
}

async function cancel(reader: BodyReader): Promise<void> {
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
  call: { readonly controller: AbortSource },
  onEnd: (chunks: readonly Uint8Array[]) => void,
): void {
  const chunks: Uint8Array[] = [];
  let bytesLeft = 64 * 2 ** 10;
  const reading = { controller: new AbortSource(), ended: false };
  const subscription = new Subscription();
  const end = (): void => {
    if (reading.ended) return;
    reading.ended = true;
    subscription.unsubscribe();
    reading.controller.abort(undefined);
    onEnd(chunks);
  };
  const listener = { onAbort: end };
  call.controller.add(listener);
  subscription.add(() => {
    call.controller.remove(listener);
  });
  subscription.add(timer(100).subscribe(end));
  readBody(body, {
    call: reading,
    onChunk: (chunk) => {
      const part = chunk.subarray(0, bytesLeft);
      chunks.push(part);
      bytesLeft -= part.byteLength;
      if (bytesLeft <= 0) end();
    },
    onEnd: end,
  });
}
