import type { ServerResponse } from 'node:http';

/** Aborts when the client has gone; also when it has its answer, which nobody minds: the run is over. */
export function signalOf(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  return gone.signal;
}
