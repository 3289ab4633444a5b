import type { Dispatcher } from 'undici';

/** The smallest use of undici that reports errors and can be canceled: the lower bound for `forkfast/undici`. */
export function dispatchJson(dispatcher: Dispatcher, url: string, signal: AbortSignal | null): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const { origin, pathname, search } = new URL(url);
    const chunks: Uint8Array[] = [];
    let controller: Dispatcher.DispatchController | undefined;
    const abort = (): void => {
      const reason = signal?.reason as Error;
      controller?.abort(reason);
      fail(reason);
    };
    const fail = (error: Error): void => {
      signal?.removeEventListener('abort', abort);
      reject(error);
    };
    signal?.addEventListener('abort', abort);
    const headers = ['accept', 'application/json'];
    dispatcher.dispatch(
      { origin, path: pathname + search, method: 'GET', headers },
      {
        onRequestStart: (started) => {
          controller = started;
          if (signal?.aborted) abort();
        },
        onResponseStart: (started, status) => {
          if (status === 200) return;
          const error = new Error(`HTTP ${String(status)}`);
          started.abort(error);
          fail(error);
        },
        onResponseData: (_controller, chunk) => chunks.push(chunk),
        onResponseEnd: () => {
          signal?.removeEventListener('abort', abort);
          try {
            resolve(JSON.parse(Buffer.concat(chunks).toString()));
          } catch (error) {
            reject(error as Error);
          }
        },
        onResponseError: (_controller, error) => {
          fail(error);
        },
      },
    );
  });
}
