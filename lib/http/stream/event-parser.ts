/** One event of an event stream. */
export interface ServerSentEvent {
  /** The field `event`, or `'message'` if the event has none. */
  readonly event: string;
  /** The fields `data`, joined with line feeds. */
  readonly data: string;
  /** The last field `id` of the stream so far, or `''`. */
  readonly id: string;
}

/** The part of an event stream that outlives a connection. The client waits `retry` ms, and sends `id` with the next connection. */
export interface EventStreamState {
  /** `undefined` until the stream has set an id, and `''` once it has removed the id. */
  id: string | undefined;
  retry: number;
}

/**
 * Parses the lines of one event stream.
 *
 * @remarks https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventParser {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #state: EventStreamState;
  readonly #maxBytes: number;
  readonly #tooLarge: () => Error;
  #data: string[] = [];
  #size = 0;
  #event = '';
  #id: string | undefined;

  /** @param tooLarge - Makes the error for an event whose data has more than `maxBytes` bytes. */
  constructor(state: EventStreamState, maxBytes: number, tooLarge: () => Error) {
    this.#state = state;
    this.#id = state.id;
    this.#maxBytes = maxBytes;
    this.#tooLarge = tooLarge;
  }

  /** Returns the event that ends with this line, if one does. */
  push(bytes: Uint8Array): ServerSentEvent | undefined {
    const line = this.#decoder.decode(bytes);
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') {
      this.#size += bytes.length;
      if (this.#size > this.#maxBytes) throw this.#tooLarge();
      this.#data.push(value);
    } else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.#state.retry = Number(value);
    return undefined;
  }

  #dispatch(): ServerSentEvent | undefined {
    const event = this.#event === '' ? 'message' : this.#event;
    const data = this.#data;
    const id = this.#id;
    this.#state.id = id;
    this.#event = '';
    if (data.length === 0) return undefined;
    this.#data = [];
    this.#size = 0;
    return { event, data: data.join('\n'), id: id ?? '' };
  }
}
