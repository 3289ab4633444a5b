import type { Fetch } from '../../lib/index.ts';

/** A transport that responds to every request with `body`. */
export const responding =
  (body: BodyInit | null, init?: ResponseInit): Fetch =>
  () =>
    Promise.resolve(new Response(body, init));

/** A transport that responds with `1`, and the requests that it received. */
export function recordingFetch(): { readonly fetch: Fetch; readonly requests: { url: URL; init: RequestInit }[] } {
  const requests: { url: URL; init: RequestInit }[] = [];
  const fetch: Fetch = (url, init) => {
    requests.push({ url, init });
    return Promise.resolve(new Response('1'));
  };
  return { fetch, requests };
}

/** A transport that ignores its signal, and responds when `respond` or `reject` is called. */
export function pendingFetch(): {
  readonly fetch: Fetch;
  readonly signal: () => AbortSignal;
  readonly respond: (response: Response) => void;
  readonly reject: (error: Error) => void;
} {
  let signal: AbortSignal | null | undefined;
  let respond: (response: Response) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const response = new Promise<Response>((...settle) => ([respond, reject] = settle));
  return {
    fetch: (_url, init) => {
      signal = init.signal;
      return response;
    },
    signal: () => signal!,
    respond,
    reject,
  };
}

/** A body that emits `chunks` and then hangs, ends or breaks, and the number of times that it was canceled. */
export function streamOf(
  chunks: readonly (string | Uint8Array)[],
  then: 'hang' | 'end' | 'break' = 'hang',
  onCancel: () => PromiseLike<void> = () => Promise.resolve(),
): { readonly stream: ReadableStream<Uint8Array>; readonly canceled: () => number } {
  const left = [...chunks];
  let canceled = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const next = left.shift();
        if (next !== undefined) controller.enqueue(typeof next === 'string' ? bytesOf(next) : next);
        else if (then === 'end') controller.close();
        else if (then === 'break') controller.error(new Error('the stream broke'));
        else return new Promise<void>(() => undefined);
        return undefined;
      },
      cancel: () => {
        canceled++;
        return onCancel();
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, canceled: () => canceled };
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
