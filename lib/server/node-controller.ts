import { LazyAbortController } from '../core/abort/lazy-abort-controller.ts';
import { type HasSignal, onAbort } from '../core/abort/on-abort.ts';
import { read } from '../errors/foreign.ts';
import { ClientDisconnectedError } from './client-disconnected-error.ts';
import type { NodeRequest, NodeResponse } from './context-of.ts';

interface Emitter {
  on(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

/** A controller that aborts when the client disconnects before the response has ended, and when the server's signal aborts. */
export function nodeController(request: NodeRequest, response: NodeResponse, server: HasSignal): LazyAbortController {
  const controller = new LazyAbortController();
  const queuedOn = queuedSocketOf(request, response);
  if (isDestroyed(response) || read(queuedOn, 'destroyed') === true) {
    if (!response.writableEnded) controller.abort(new ClientDisconnectedError());
    return controller;
  }
  // HTTP/2 emits `finish` for a response that the client has canceled, too: `writableEnded` is the difference.
  const end = (): void => {
    stopFollowing();
    response.off('finish', end);
    response.off('close', end);
    stopWaiting?.();
    if (!response.writableEnded) controller.abort(new ClientDisconnectedError());
  };
  const stopFollowing = onAbort(server, (reason) => {
    controller.abort(reason);
  });
  response.on('finish', end);
  response.on('close', end);
  const stopWaiting = queuedOn && onClose(queuedOn, end);
  return controller;
}

/** Whether the response will not emit `close`, or is about to emit it. A response of HTTP/2 shows this only on its stream. */
function isDestroyed(response: NodeResponse): boolean {
  return [response, read(response, 'stream'), read(response, 'socket')].some(
    (each) => read(each, 'destroyed') === true,
  );
}

/** The socket of a response that waits for earlier responses of a pipeline: it does not emit `close` when the client disconnects. */
function queuedSocketOf(request: NodeRequest, response: NodeResponse): Emitter | undefined {
  return read(response, 'socket') === null ? (read(request, 'socket') as Emitter | undefined) : undefined;
}

interface CloseDispatcher {
  readonly listeners: Set<() => void>;
  readonly dispatch: () => void;
}

const dispatchers = /* @__PURE__ */ new WeakMap<Emitter, CloseDispatcher>();

/**
 * Calls `listener` when the socket closes. Returns a function that removes it.
 *
 * However many listen, the socket has one listener: a client may send any number of requests in a pipeline, and Node warns at the
 * eleventh listener.
 */
function onClose(socket: Emitter, listener: () => void): () => void {
  let dispatcher = dispatchers.get(socket);
  if (!dispatcher) {
    const listeners = new Set<() => void>();
    const dispatch = (): void => {
      for (const each of listeners) each();
    };
    dispatcher = { listeners, dispatch };
    dispatchers.set(socket, dispatcher);
    socket.on('close', dispatch);
  }
  const { listeners, dispatch } = dispatcher;
  listeners.add(listener);
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0) return;
    dispatchers.delete(socket);
    socket.off('close', dispatch);
  };
}
