import type { FetchBody, FetchChunk } from '../../core/context.ts';

/** The bytes of a body that may wait to be read before the connection is paused. */
const HIGH_WATER_MARK = 64 * 2 ** 10;

/** Where a body comes from: the connection, or a decoder. */
interface Source {
  pause(): unknown;
  resume(): unknown;
}

/** The request that a body belongs to. */
interface Abortable {
  abort(reason: unknown): void;
}

/** A body that waits to be read: as much as the mark says, and the last chunk comes with its end. */
export class Body implements FetchBody {
  source: Source;
  /** As a stream says whether somebody reads it. */
  locked = false;
  readonly #exchange: Abortable;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #paused = false;
  #complete = false;
  #failure: { readonly error: unknown } | undefined;
  /** Settles the read that waits. */
  #wake: (() => void) | undefined;

  constructor(source: Source, exchange: Abortable) {
    this.source = source;
    this.#exchange = exchange;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    if (this.#size > HIGH_WATER_MARK) {
      this.#paused = true;
      this.source.pause();
    }
    this.#wake?.();
  }

  complete(): void {
    this.#complete = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake?.();
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
    if (this.#chunks.length > 0 || this.#complete) return this.#take();
    return new Promise<void>((wake) => {
      this.#wake = wake;
      if (this.#failure) wake();
    }).then(() => this.#take());
  }

  cancel(reason: unknown): Promise<void> {
    this.#exchange.abort(reason);
    return Promise.resolve();
  }

  #take(): FetchChunk {
    const value = this.#chunks.shift();
    this.#size -= value?.byteLength ?? 0;
    if (value === undefined && this.#failure) throw this.#failure.error;
    return { done: this.#chunks.length === 0 && this.#complete, value };
  }
}
