import { NEVER, Subscription } from 'rxjs';
import { fromAbortable } from '../../index.ts';

/** Copies `response` so that reading its body errors with the abort reason once `signal` aborts. */
export function abortable(response: Response, signal: AbortSignal | undefined, onAbort: () => void): Response {
  const { body, status, statusText, headers } = response;
  if (body === null || !signal) return response;
  const reader = body.getReader();
  const listening = new Subscription();
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        const abort = (): void => {
          onAbort();
          controller.error(signal.reason);
          reader.cancel(signal.reason).catch(() => undefined);
        };
        listening.add(fromAbortable({ signal }, () => NEVER).subscribe({ error: abort }));
      },
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (!done) {
          controller.enqueue(value);
          return;
        }
        listening.unsubscribe();
        controller.close();
      },
      cancel: (reason) => {
        listening.unsubscribe();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 }, // reads nothing ahead
  );
  return new Response(stream, { status, statusText, headers });
}
