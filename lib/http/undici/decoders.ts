import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';

// They accept a body that is cut short, as `fetch` does.
const ZLIB_OPTIONS = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const BROTLI_OPTIONS = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH };

/**
 * Creates the decoders for a `content-encoding`, in the order in which the bytes pass through them. There are none if an
 * encoding is unknown: then the body stays encoded, as with `fetch`.
 *
 * @param firstChunk - The first bytes of the body: some servers send raw deflate, which only the first byte shows.
 */
export function createDecoders(contentEncoding: string, [firstByte = 0]: Uint8Array): readonly Transform[] {
  const encodings = contentEncoding.split(',').reverse();
  const decoders = encodings.map((encoding, index) => {
    switch (encoding.trim()) {
      case 'gzip':
      case 'x-gzip':
        return createGunzip(ZLIB_OPTIONS);
      case 'deflate':
        return index > 0 || (firstByte & 0x0f) === 8 ? createInflate(ZLIB_OPTIONS) : createInflateRaw(ZLIB_OPTIONS);
      case 'br':
        return createBrotliDecompress(BROTLI_OPTIONS);
      default:
        return undefined;
    }
  });
  return decoders.every((decoder) => decoder !== undefined) ? decoders : [];
}
