import type { ServerResponse } from 'node:http';

/** Returns a signal that aborts when the response closes. After a complete response, the abort has no effect: the run has ended. */
export function signalOf(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    controller.abort();
  });
  return controller.signal;
}
