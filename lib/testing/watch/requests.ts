import type { FetchResponse } from '../../core/context.ts';
import { requestOf } from '../request-of.ts';
import { type AnyFunction, around, type Leak, ours, type Watched } from './watched.ts';

/** What becomes of requests: they are answered, they fail at once, or they are in flight until they are aborted. */
export type Wire = 'answers' | 'fails' | 'hangs';

/** A request that the service made. */
interface Asked {
  /** `GET http://profile.test/profiles/42` */
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  readonly late: string | undefined;
  settled: boolean;
  response?: FetchResponse & { readonly bodyUsed?: boolean; readonly body: { readonly locked?: boolean } | null };
}

export function watchRequests(
  wire: Wire,
  late: () => string | undefined,
): Watched & { readonly watch: (real: AnyFunction) => AnyFunction; readonly asked: () => boolean } {
  const all: Asked[] = [];
  const send = async (asked: Asked, answer: () => unknown): Promise<unknown> => {
    try {
      if (wire === 'fails') throw new TypeError('fetch failed');
      const response = await (wire === 'hangs' ? hanging(asked.signal) : answer());
      asked.response = response as FetchResponse;
      return response;
    } finally {
      asked.settled = true;
    }
  };
  const watch = (real: AnyFunction): AnyFunction =>
    around(real, (input, init?) => {
      const { url, method, signal } = requestOf(input, init as RequestInit | undefined);
      const asked = { name: `${method} ${url}`, signal, late: late(), settled: false };
      all.push(asked);
      return send(asked, () => real(input, init));
    });
  const leaksOf = ({ name, signal, late: tooLate, settled, response }: Asked): Leak[] => {
    if (tooLate !== undefined) {
      return [{ what: `${name}, asked ${tooLate}`, fix: `Ask no more when it is over or aborted, ${ours}.` }];
    }
    if (signal?.aborted) return [];
    if (!settled) return [{ what: `${name}, in flight`, fix: `Abort it in the teardown, ${ours}.` }];
    if (!response?.body || (response.bodyUsed ?? response.body.locked) !== false) return [];
    return [
      {
        what: `the body of ${name}, unread, and its connection with it`,
        fix: 'Read it or cancel it (response.body?.cancel()) before failing, as fetchJson does.',
      },
    ];
  };
  return { watch, asked: () => all.length > 0, leaks: () => all.flatMap(leaksOf) };
}

/** In flight until it is aborted. */
function hanging(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as fetch does
      reject(signal?.reason);
    };
    if (signal?.aborted) end();
    // Past the watch: where it is ctx.signal, this listener is not the service's.
    else if (signal) EventTarget.prototype.addEventListener.call(signal, 'abort', end, { once: true });
  });
}
