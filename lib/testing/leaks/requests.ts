import type { FetchResponse } from '../../index.ts';
import { requestOf } from '../fetch/request-of.ts';
import { type AnyFunction, type Leak, OR_USE_OURS, type Watcher, wrapped } from './leak.ts';

/** How the network treats requests: it answers, it fails at once, or it keeps them in flight until they are aborted. */
export type Network = 'answers' | 'fails' | 'hangs';

interface WatchedRequest {
  /** `GET http://profile.test/profiles/42` */
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  /** If the request was sent too late, says when: `after the end`. */
  readonly late: string | undefined;
  settled: boolean;
  response?: FetchResponse & { readonly bodyUsed?: boolean; readonly body: { readonly locked?: boolean } | null };
}

export interface RequestWatcher extends Watcher {
  readonly watch: (real: AnyFunction) => AnyFunction;
  /** Says whether the service has sent a request. */
  readonly sent: () => boolean;
}

/** @param late - If a request that is sent now is sent too late, says when that is. */
export function watchRequests(network: Network, late: () => string | undefined): RequestWatcher {
  const requests: WatchedRequest[] = [];
  const send = async (request: WatchedRequest, real: () => unknown): Promise<unknown> => {
    try {
      if (network === 'fails') throw new TypeError('fetch failed');
      const response = await (network === 'hangs' ? untilAborted(request.signal) : real());
      request.response = response as FetchResponse;
      return response;
    } finally {
      request.settled = true;
    }
  };
  const watch = (real: AnyFunction): AnyFunction =>
    wrapped(real, (input, init?) => {
      const { url, method, signal } = requestOf(input, init as RequestInit | undefined);
      const request = { name: `${method} ${url}`, signal, late: late(), settled: false };
      requests.push(request);
      return send(request, () => real(input, init));
    });
  return { watch, sent: () => requests.length > 0, leaks: () => requests.flatMap(leaksOf) };
}

function leaksOf({ name, signal, late, settled, response }: WatchedRequest): Leak[] {
  if (late !== undefined) {
    return [{ what: `${name}, sent ${late}`, fix: `Send no request after the end or the abort, ${OR_USE_OURS}.` }];
  }
  if (signal?.aborted) return [];
  if (!settled) return [{ what: `${name}, still in flight`, fix: `Abort it in the teardown, ${OR_USE_OURS}.` }];
  if (!response?.body || (response.bodyUsed ?? response.body.locked) !== false) return [];
  return [
    {
      what: `the unread body of ${name}, and its connection`,
      fix: 'Read it, or cancel it with response.body?.cancel(), as fetchJson does.',
    },
  ];
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as fetch does
      reject(signal?.reason);
    };
    if (signal?.aborted) abort();
    // If the signal is ctx.signal, its own addEventListener would count this listener as the service's.
    else if (signal) EventTarget.prototype.addEventListener.call(signal, 'abort', abort, { once: true });
  });
}
