import { setMaxListeners } from 'node:events';
import { defer, firstValueFrom, forkJoin, Observable, timeout } from 'rxjs';
import type { CallAll } from './contenders/index.ts';

// The cost of the duties of a request. Each row does what the row before does, and one thing more.

interface Duties {
  /** Any number of listeners may be added to the signal. */
  readonly manyListeners?: true;
  /** A URL that is not valid, or has credentials, is not sent. */
  readonly parsedUrl?: true;
  /** Reads the body chunk by chunk, up to a bound, and decodes it strictly. */
  readonly boundedBody?: true;
}

const manyListeners: Duties = { manyListeners: true };
const parsedUrl: Duties = { ...manyListeners, parsedUrl: true };
const boundedBody: Duties = { ...parsedUrl, boundedBody: true };

export const duties: Readonly<Record<string, (urls: readonly string[], ms: number) => CallAll>> = {
  'by hand: a signal a request': joined({}),
  'by hand: and many listeners': joined(manyListeners),
  'by hand: and a parsed URL': joined(parsedUrl),
  'by hand: and a bounded body': joined(boundedBody),
};

function joined(wanted: Duties): (urls: readonly string[], ms: number) => CallAll {
  return (urls, ms) => {
    const answers = defer(() => forkJoin(urls.map((url) => request(url, wanted))).pipe(timeout(ms)));
    return () => firstValueFrom(answers);
  };
}

function request(text: string, { manyListeners, parsedUrl, boundedBody }: Duties): Observable<unknown> {
  return new Observable((subscriber) => {
    const controller = new AbortController();
    const { signal } = controller;
    let isRunning = true;
    if (manyListeners) setMaxListeners(Infinity, signal);
    const url = parsedUrl ? checkedUrl(text) : text;
    fetch(url, { signal, redirect: 'error', headers: [['accept', 'application/json']] })
      .then((response) => {
        if (!response.ok) throw new Error(`HTTP ${String(response.status)}`);
        return boundedBody ? boundedJson(response) : response.json();
      })
      .then(
        (value) => {
          isRunning = false;
          subscriber.next(value);
          subscriber.complete();
        },
        (error: unknown) => {
          isRunning = false;
          subscriber.error(error);
        },
      );
    return () => {
      if (isRunning) controller.abort();
    };
  });
}

function checkedUrl(text: string): URL {
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw new Error('expected a URL without credentials');
  return url;
}

const MAX_BYTES = 10 * 2 ** 20;
const decoder = new TextDecoder('utf-8', { fatal: true });

async function boundedJson({ body }: Response): Promise<unknown> {
  if (!body) throw new Error('expected a body, got none');
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.byteLength;
    if (size > MAX_BYTES) {
      void reader.cancel();
      throw new Error(`expected at most ${String(MAX_BYTES)} bytes, got more`);
    }
  }
  const [first] = chunks;
  return JSON.parse(decoder.decode(chunks.length === 1 ? first : Buffer.concat(chunks))) as unknown;
}
