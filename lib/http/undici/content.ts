import type { Readable } from 'node:stream';
import { type Dispatcher, FormData as UndiciFormData } from 'undici';

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
  // Bytes are copied, because the caller may use the buffer again.
  if (body instanceof ArrayBuffer) return { body: new Uint8Array(body.slice(0)) };
  if (ArrayBuffer.isView(body)) return { body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice() };
  if (body instanceof UndiciFormData) return { body };
  if (body instanceof FormData) return { body: undiciFormData(body) };
  // The platform converts streams and everything else. undici accepts the stream because it is iterable.
  const { body: stream, headers } = new Response(body);
  return { body: stream as unknown as Readable, type: headers.get('content-type') };
}

/** undici accepts only its own `FormData`. */
function undiciFormData(form: FormData): UndiciFormData {
  const copy = new UndiciFormData();
  for (const [name, value] of form) copy.append(name, value);
  return copy;
}
