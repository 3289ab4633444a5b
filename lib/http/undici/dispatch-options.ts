import type { Readable } from 'node:stream';
import { type Dispatcher, FormData as Form } from 'undici';

/** The methods that `fetch` knows in any case. */
const METHOD = /^(?:delete|get|head|options|post|put)$/i;

/** What `fetch` would send. */
export function dispatchOptions(
  url: URL,
  { method = 'GET', headers = [], body }: RequestInit,
): Dispatcher.DispatchOptions {
  const { protocol, origin, pathname, search } = url;
  // Of any other, a pool would ask its own origin for the path.
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError('unknown scheme');
  const sent: string[] = [];
  const names = new Set<string>();
  const add = (name: string, value: string): void => {
    names.add(name);
    sent.push(name, value);
  };
  for (const [name = '', value = ''] of Array.isArray(headers) ? headers : new Headers(headers)) {
    const lower = name.toLowerCase();
    if (lower !== 'host') add(lower, value);
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
    method: METHOD.test(method) ? method.toUpperCase() : method,
    headers: sent,
    body: content?.body ?? null,
  };
}

/** A body in a form that undici takes, and the type that `fetch` says it has. */
function contentOf(body: BodyInit): {
  readonly body: Dispatcher.DispatchOptions['body'];
  readonly type?: string | null;
} {
  if (typeof body === 'string') return { body, type: 'text/plain;charset=UTF-8' };
  if (body instanceof URLSearchParams) {
    return { body: String(body), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  // undici knows the length of these, which a server may insist on.
  if (body instanceof Blob) return { body: body as unknown as Readable, type: body.type || null };
  // As they are now: who gives them may use them again.
  if (body instanceof ArrayBuffer) return { body: new Uint8Array(body.slice(0)) };
  if (ArrayBuffer.isView(body)) return { body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice() };
  if (body instanceof Form) return { body };
  if (body instanceof FormData) return { body: formOf(body) };
  // Streams, and whatever else: the platform knows how. undici takes what can be iterated.
  const { body: stream, headers } = new Response(body);
  return { body: stream as unknown as Readable, type: headers.get('content-type') };
}

/** undici takes none but its own. */
function formOf(form: FormData): Form {
  const own = new Form();
  for (const [name, value] of form) {
    if (typeof value === 'string') own.append(name, value);
    else own.append(name, value, value.name);
  }
  return own;
}
