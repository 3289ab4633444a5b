import type { AbortListener } from '../../core/abort/lazy-abort-controller.ts';
import type { FetchBody, FetchChunk } from '../../core/context.ts';

/** The bytes that a body buffers before it pauses the connection. */
const HIGH_WATER_MARK = 64 * 2 ** 10;

/** The connection, or the last decoder behind it. */
interface Source {
  pause(): unknown;
  resume(): unknown;
}

/** The body of a response, which is its own reader. It emits the last chunk together with `done`. */
export class Body implements FetchBody {
  source: Source;
  /** As in a `ReadableStream`: true once there is a reader. */
  locked = false;
  readonly #request: AbortListener;
  #chunks: Uint8Array[] = [];
  #bufferedBytes = 0;
  #paused = false;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  /** Settles the read that waits for a chunk. */
  #settleRead: (() => void) | undefined;

  /** @param request - The request, which is aborted when the reader cancels the body. */
  constructor(source: Source, request: AbortListener) {
    this.source = source;
    this.#request = request;
  }

  push(chunk: Uint8Array): void {
    if (this.#chunks.length === 0)
      this.#chunks = [chunk]; // `push` would make room for 16 more
    else this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.byteLength;
    if (this.#bufferedBytes > HIGH_WATER_MARK) {
      this.#paused = true;
      this.source.pause();
    }
    this.#settleRead?.();
  }

  end(): void {
    this.#ended = true;
    this.#settleRead?.();
  }

  /** The chunks that have arrived can still be read before the error. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.#settleRead?.();
  }

  getReader(): this {
    this.locked = true;
    return this;
  }

  read(): FetchChunk | Promise<FetchChunk> {
    if (this.#chunks.length === 0 && this.#paused) {
      this.#paused = false;
      this.source.resume();
    }
    if (this.#chunks.length > 0 || this.#ended) return this.#next();
    return new Promise<void>((resolve) => {
      this.#settleRead = resolve;
      if (this.#failure) resolve();
    }).then(() => this.#next());
  }

  cancel(reason: unknown): Promise<void> {
    this.#request.onAbort(reason);
    return Promise.resolve();
  }

  #next(): FetchChunk {
    const value = this.#chunks.shift();
    this.#bufferedBytes -= value?.byteLength ?? 0;
    if (value === undefined && this.#failure) throw this.#failure.error;
    return { done: this.#chunks.length === 0 && this.#ended, value };
  }
}
