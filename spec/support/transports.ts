import type { Suite } from 'mocha';
import { background, type Context, type Fetch, type FetchResponse } from '../../lib/index.ts';
import { undiciFetch } from '../../lib/http/undici/index.ts';

export interface Transport {
  readonly name: string;
  readonly fetch: Fetch;
  /** A context whose requests use the transport. */
  readonly ctx: Context;
}

const undici = undiciFetch();

export const transports: readonly Transport[] = [
  { name: 'the global fetch', fetch: globalThis.fetch, ctx: background },
  { name: 'undici', fetch: undici, ctx: { fetch: undici } },
];

/** A `describe` for each transport. */
export function describeTransports(title: string, specs: (this: Suite, transport: Transport) => void): void {
  for (const transport of transports) {
    describe(`${title}, over ${transport.name}`, function () {
      this.timeout(30_000);
      specs.call(this, transport);
    });
  }
}

/** The error with which a transport, or the reader of a body, rejects. */
export async function rejectionOf(promise: PromiseLike<unknown>): Promise<unknown> {
  return promise.then(
    () => Promise.reject(new Error('expected a rejection')),
    (error: unknown) => error,
  );
}

/** The status and the text of a response, or the name of the error with which a transport rejects. */
export async function outcomeOf(
  response: PromiseLike<FetchResponse>,
): Promise<[status: number, text: string] | string> {
  try {
    const { status, body } = await response;
    let text = '';
    for (
      let reader = body?.getReader(), chunk;
      reader && !chunk?.done;
      text += Buffer.from(chunk.value ?? []).toString()
    ) {
      chunk = await reader.read();
    }
    return [status, text];
  } catch (error) {
    return (error as Error).name;
  }
}
