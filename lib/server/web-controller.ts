import { type AbortListener, LazyAbortController } from '../core/abort/lazy-abort-controller.ts';
import { type HasSignal, onAbort } from '../core/abort/on-abort.ts';
import { ClientDisconnectedError } from './client-disconnected-error.ts';

/** A signal keeps its controller: code may have kept nothing but the signal. */
const controllers = /* @__PURE__ */ new WeakMap<AbortSignal, WebController>();

/**
 * A controller that aborts with the signal of a `Request` and with that of the server.
 *
 * A `Request` does not say when its response has ended. So the controller follows the two signals only while something listens to it. If
 * its own signal has been read, anybody may listen: it follows the signals from then on. The signal of the request keeps the
 * controller alive, and the signal of the server does not.
 */
export class WebController extends LazyAbortController {
  readonly #request: HasSignal;
  readonly #server: HasSignal;
  #stop: (() => void) | undefined;
  #signalRead = false;

  constructor(request: HasSignal, server: HasSignal) {
    super();
    this.#request = request;
    this.#server = server;
  }

  override get signal(): AbortSignal {
    this.#signalRead = true;
    this.#follow();
    controllers.set(super.signal, this);
    return super.signal;
  }

  override add(listener: AbortListener): void {
    this.#follow();
    super.add(listener);
  }

  override remove(listener: AbortListener): void {
    super.remove(listener);
    if (!this.hasListeners && !this.#signalRead) this.#stop?.();
  }

  override abort(reason: unknown): void {
    this.#stop?.();
    super.abort(reason);
  }

  #follow(): void {
    if (this.#stop) return;
    const stopRequest = onAbort(this.#request, (cause) => {
      this.abort(new ClientDisconnectedError({ cause }));
    });
    // Cloudflare Workers have no weak references before the compatibility date 2025-05-05.
    const follow = typeof FinalizationRegistry === 'function' ? followWeakly : followStrongly;
    const stopServer = follow(this.#server, this);
    this.#stop = () => {
      this.#stop = undefined;
      stopRequest();
      stopServer();
    };
    if (this.aborted) this.#stop();
  }
}

/** Removes listeners from the signal of the server when the controllers of the requests are garbage. */
let garbage: FinalizationRegistry<() => void> | undefined;

function followStrongly(source: HasSignal, controller: LazyAbortController): () => void {
  return onAbort(source, (reason) => {
    controller.abort(reason);
  });
}

/** A function of its own, because its closures must not hold the controller: V8 gives all closures of a function one scope. */
function followWeakly(source: HasSignal, controller: LazyAbortController): () => void {
  if (!source.signal) return () => undefined;
  const target = new WeakRef(controller);
  const stop = onAbort(source, (reason) => {
    target.deref()?.abort(reason);
  });
  garbage ??= new FinalizationRegistry((stopFollowing) => {
    stopFollowing();
  });
  garbage.register(controller, stop);
  return stop;
}
