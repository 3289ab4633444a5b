import type { Readable } from 'node:stream';
import { type Dispatcher, FormData as UndiciFormData } from 'undici';

/** The methods that `fetch` accepts in any case and sends in upper case. */
const CASE_INSENSITIVE_METHOD = /^(?:delete|get|head|options|post|put)$/i;

/** Makes the options of `dispatch` from the arguments of `fetch`, with the headers that `fetch` adds. */
export function dispatchOptions(
  url: URL,
  { method = 'GET', headers = [], body }: RequestInit,
): Dispatcher.DispatchOptions {
  const { protocol, origin, pathname, search } = url;
  // For another scheme, a pool would request the path from its own origin.
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError('unknown scheme');
  const sent: string[] = [];
  const names = new Set<string>();
  const add = (name: string, value: string): void => {
    names.add(name);
    sent.push(name, value);
  };
  for (const [name = '', value = ''] of Array.isArray(headers) ? headers : new Headers(headers)) {
    const lowerName = name.toLowerCase();
    if (lowerName !== 'host') add(lowerName, value);
  }
  const content = body == null ? undefined : contentOf(body);
  if (content?.type != null && !names.has('content-type')) add('content-type', content.type);
  if (!names.has('accept')) add('accept', '*/*');
  if (!names.has('user-agent')) add('user-agent', 'undici');
  if (!names.has('accept-encoding')) {
    const encodings = protocol === 'https:' ? 'br, gzip, deflate' : 'gzip, deflate';
    add('accept-encoding', names.has('range') ? 'identity' : encodings);
  }
  return {
    origin,
    path: pathname + search,
    method: CASE_INSENSITIVE_METHOD.test(method) ? method.toUpperCase() : method,
    headers: sent,
    body: content?.body ?? null,
  };
}

interface Content {
  readonly body: Dispatcher.DispatchOptions['body'];
  readonly type?: string | null;
}

/** Converts a body into a form that undici accepts, with the content type that `fetch` sends. */
function contentOf(body: BodyInit): Content {
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
