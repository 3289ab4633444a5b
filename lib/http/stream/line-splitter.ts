/** How lines end: with LF or CRLF, or as in event streams also with a CR alone. */
export type LineEnd = 'lf' | 'cr-or-lf';

const LF = 10;
const CR = 13;

/**
 * Splits a stream of bytes into lines. A line that is cut into many chunks is copied into one buffer, so that a line of single bytes
 * costs no more memory than its size.
 */
export class LineSplitter {
  readonly #endsWithCr: boolean;
  readonly #maxBytes: number;
  readonly #tooLarge: () => Error;
  #buffer = new Uint8Array(0);
  #buffered = 0;
  #afterCr = false;
  #isFirst = true;

  /** @param tooLarge - Makes the error for a line of more than `maxBytes` bytes. */
  constructor(lineEnd: LineEnd, maxBytes: number, tooLarge: () => Error) {
    this.#endsWithCr = lineEnd === 'cr-or-lf';
    this.#maxBytes = maxBytes;
    this.#tooLarge = tooLarge;
  }

  /** Whether the last line has no end yet. */
  get isCut(): boolean {
    return this.#buffered > 0;
  }

  /**
   * Returns the lines that end in `chunk`, without their ends. A line is valid until the next one is read.
   *
   * @throws the error that `tooLarge` makes.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index];
      const wasAfterCr = this.#afterCr;
      this.#afterCr = this.#endsWithCr && byte === CR;
      if (wasAfterCr && byte === LF) start = index + 1;
      else if (byte === LF || this.#afterCr) {
        yield this.#line(chunk.subarray(start, index));
        start = index + 1;
      }
    }
    this.#append(chunk.subarray(start));
  }

  #line(end: Uint8Array): Uint8Array {
    let line = end;
    if (this.#buffered > 0) {
      this.#append(end);
      line = this.#buffer.subarray(0, this.#buffered);
      this.#buffered = 0;
    }
    if (!this.#endsWithCr && line.at(-1) === CR) line = line.subarray(0, -1);
    if (line.length > this.#maxBytes) throw this.#tooLarge();
    const hasMark = this.#isFirst && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf;
    this.#isFirst = false;
    return hasMark ? line.subarray(3) : line;
  }

  /** The end of the line may still be a CR, which does not count. */
  #append(bytes: Uint8Array): void {
    const size = this.#buffered + bytes.length;
    if (size > this.#maxBytes + 1) throw this.#tooLarge();
    if (size > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#buffered));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered = size;
  }
}
