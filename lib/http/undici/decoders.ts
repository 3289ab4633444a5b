import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';

const LENIENT = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const LENIENT_BROTLI = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH };

/** As lenient as `fetch`, in the order in which the bytes pass them; none where one of the encodings is not known. */
export function decodersOf(encoding: string, [first = 0]: Uint8Array): readonly Transform[] {
  const codings = encoding.split(',').reverse();
  const decoders = codings.map((coding, index) => {
    switch (coding.trim()) {
      case 'gzip':
      case 'x-gzip':
        return createGunzip(LENIENT);
      case 'deflate':
        // Some servers send it raw.
        return index > 0 || (first & 0x0f) === 8 ? createInflate(LENIENT) : createInflateRaw(LENIENT);
      case 'br':
        return createBrotliDecompress(LENIENT_BROTLI);
      default:
        return undefined;
    }
  });
  return decoders.every((decoder) => decoder !== undefined) ? decoders : [];
}
