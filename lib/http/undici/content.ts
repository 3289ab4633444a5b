import type { Readable } from 'node:stream';
import { type Dispatcher, FormData as UndiciFormData } from 'undici';
import { isError } from '../../errors/foreign.ts';
import { isArrayBuffer, isStream } from '../sendable.ts';

interface Content {
  readonly body: Dispatcher.DispatchOptions['body'];
  readonly type?: string | null;
}

/** Converts a body into a form that undici accepts, with the content type that `fetch` sends. */
export function contentOf(body: BodyInit): Content {
  if (typeof body === 'string') return { body, type: 'text/plain;charset=UTF-8' };
  if (body instanceof URLSearchParams) {
    return { body: String(body), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  // undici knows the length of blobs and bytes, so it sends a `content-length`, which some servers require.
  if (body instanceof Blob) return { body: body as unknown as Readable, type: body.type || null };
  // Bytes are copied, because the caller may use the buffer again. It may be of another realm.
  if (isArrayBuffer(body)) return { body: new Uint8Array(body.slice(0)) };
  if (ArrayBuffer.isView(body)) return { body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice() };
  if (body instanceof UndiciFormData) return { body };
  if (body instanceof FormData) return { body: undiciFormData(body) };
  if (!isStream(body)) return contentOf(''.concat(body)); // as the platform does: unlike `String`, it accepts no symbol
  // The platform converts streams. undici accepts the stream because it is iterable.
  const { body: stream, headers } = new Response(body);
  const type = headers.get('content-type');
  return { body: stream && (chunksOf(stream) as unknown as Readable), type };
}

/** undici never settles a request whose body fails with `undefined`. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (cause) {
    throw isError(cause) ? cause : new Error('The body failed.', { cause });
  }
}

/** undici accepts only its own `FormData`. */
function undiciFormData(form: FormData): UndiciFormData {
  const copy = new UndiciFormData();
  for (const [name, value] of form) copy.append(name, value);
  return copy;
}
