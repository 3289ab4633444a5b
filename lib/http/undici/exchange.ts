import type { Transform } from 'node:stream';
import type { Dispatcher } from 'undici';
import { onAbort } from '../../core/abort.ts';
import type { FetchResponse } from '../../core/context.ts';
import { Body } from './body.ts';
import { decodersOf } from './decoders.ts';

/** A response with more of them is refused: each multiplies what a few bytes become. */
const MAX_ENCODINGS = 5;

/** The handler of one request. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #refusing: boolean;
  readonly #resolve: (response: FetchResponse) => void;
  readonly #reject: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #body: Body | undefined;
  /** The `content-encoding` that is still to be undone. */
  #encoding: string | undefined;
  #decoders: readonly Transform[] = [];
  /** Complete, broken or aborted. */
  #over: { readonly reason?: unknown } | undefined;
  #stopListening: (() => void) | undefined;

  constructor(refusing: boolean, resolve: (response: FetchResponse) => void, reject: (error: unknown) => void) {
    this.#refusing = refusing;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Aborts the exchange when the signal of `init` aborts. */
  abortWith(init: RequestInit): void {
    this.#stopListening = onAbort(init, (reason) => {
      this.abort(reason);
    });
  }

  dispatch(dispatcher: Dispatcher, options: Dispatcher.DispatchOptions): void {
    if (!this.#over) dispatcher.dispatch(options, this);
  }

  /** Ends it on our side. Before undici has a connection for it there is nothing to abort: `onRequestStart` does it. */
  abort(reason: unknown): void {
    if (this.#over) return;
    this.#end({ reason });
    this.#reject(reason);
    this.#body?.fail(reason);
    this.#controller?.abort(errorOf(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(errorOf(this.#over.reason));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return; // informational: the response is to come
    if (this.#refusing && REDIRECTS.has(status)) {
      this.#reject(failed('fetch failed', new Error('unexpected redirect')));
      return;
    }
    const body = new Body(controller, this);
    this.#body = body;
    const get = (name: string): string | null => {
      const lower = name.toLowerCase();
      const value = Object.hasOwn(headers, lower) ? headers[lower] : undefined;
      return Array.isArray(value) ? value.join(', ') : (value ?? null);
    };
    this.#encoding = get('content-encoding')?.toLowerCase();
    if (this.#encoding !== undefined && this.#encoding.split(',').length > MAX_ENCODINGS) {
      throw new Error(`more than ${String(MAX_ENCODINGS)} content encodings`);
    }
    this.#resolve({ status, headers: { get }, body });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    // Of a redirect that was refused, or after the end, it is let go.
    if (!this.#body || this.#over) return;
    if (this.#encoding !== undefined) this.#decode(this.#encoding, this.#body, controller, chunk);
    const [decoder] = this.#decoders;
    if (!decoder) this.#body.push(chunk);
    else if (!decoder.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    const [decoder] = this.#decoders;
    if (decoder) decoder.end();
    else this.#complete();
  }

  onResponseError(_controller: unknown, error: unknown): void {
    if (this.#over) return;
    this.#end({});
    this.#reject(failed('fetch failed', error));
    this.#body?.fail(failed('terminated', error));
  }

  #complete(): void {
    if (this.#over) return;
    this.#end({});
    this.#body?.complete();
  }

  #end(over: { readonly reason?: unknown }): void {
    this.#over = over;
    this.#stopListening?.();
    for (const decoder of this.#decoders) decoder.destroy();
  }

  /** With the first bytes at hand: a deflated body tells its format by them, and one without any has nothing to decode. */
  #decode(encoding: string, body: Body, controller: Dispatcher.DispatchController, first: Uint8Array): void {
    this.#encoding = undefined;
    this.#decoders = decodersOf(encoding, first);
    const [head, ...tail] = this.#decoders;
    if (!head) return;
    for (const decoder of this.#decoders) {
      decoder.on('error', (error) => {
        controller.abort(error);
        this.onResponseError(undefined, error);
      });
    }
    head.on('drain', () => {
      controller.resume();
    });
    const last = tail.reduce((from, to) => from.pipe(to), head);
    last.on('data', (chunk: Uint8Array) => {
      body.push(chunk);
    });
    last.on('end', () => {
      this.#complete();
    });
    body.source = last;
  }
}

/** The redirects of `fetch`. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** As `fetch` fails: callers look for the system's code in the cause. */
function failed(message: string, cause: unknown): TypeError {
  return new TypeError(message, { cause });
}

/** What undici and those who watch it can take as a reason. */
function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new DOMException('The request was aborted.', 'AbortError');
}
