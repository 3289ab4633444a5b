import { Subscription, timer } from 'rxjs';
import { type AbortListener, LazyAbortController } from '../../core/abort/lazy-abort-controller.ts';
import { isPromiseLike } from '../../core/assert.ts';
import type { FetchBody, FetchChunk } from '../../core/context.ts';

/** Receives a body chunk by chunk. */
export interface BodySink {
  /** The reading ends early when its controller aborts, and then the body is canceled. */
  readonly call: { readonly controller: LazyAbortController; readonly ended: boolean };
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
    this.#read();
  }

  onAbort(): void {
    void cancel(this.#reader);
  }

  /** Reads chunks until it must wait for one. */
  #read(): void {
    try {
      let goesOn = !this.#sink.call.ended;
      while (goesOn) {
        const chunk = this.#reader.read();
        if (isPromiseLike(chunk)) {
          this.#wait(chunk);
          return;
        }
        goesOn = this.#take(chunk);
      }
    } catch (cause) {
      this.#sink.onEnd({ cause }); // the abort that follows cancels the body
    }
  }

  /** Returns whether to read on. */
  #take({ done, value }: FetchChunk): boolean {
    const sink = this.#sink;
    if (done) this.#stopListening();
    if (value !== undefined) sink.onChunk(value);
    if (sink.call.ended) return false;
    if (done) sink.onEnd();
    return !done;
  }

  /** Foreign thenables may call back synchronously or more than once. `Promise.resolve` normalizes them. */
  #wait(next: PromiseLike<FetchChunk>): void {
    Promise.resolve(next).then(
      (chunk) => {
        try {
          if (this.#take(chunk)) this.#read();
        } catch (cause) {
          this.#sink.onEnd({ cause });
        }
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
