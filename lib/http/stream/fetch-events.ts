import { asyncScheduler, defer, EMPTY, type Observable, repeat, retry, throwError, timer } from 'rxjs';
import type { Context } from '../../core/context.ts';
import { fromAbortable } from '../../core/from-abortable.ts';
import { NetworkError } from '../../errors/network-error.ts';
import { hrefOf } from '../parse-url.ts';
import { HttpRequest } from '../request.ts';
import { type Header, ownHeaders } from '../request-headers.ts';
import { readExcerpt } from '../response/read-body.ts';
import { decodeError, type ResponseReader } from '../response/read-response.ts';
import { EventParser, type EventStreamState, type ServerSentEvent } from './event-parser.ts';
import { LineSplitter } from './line-splitter.ts';
import { readChunks, stream, type StreamOptions, tooLarge } from './read-stream.ts';

/** The `init` of {@link fetchEvents}. */
export interface FetchEventsInit extends StreamOptions {
  /**
   * Whether to connect again when the stream ends or breaks, after the time that the server has sent in the field `retry` (3,000 ms by
   * default), with the header `Last-Event-ID`. It waits the same time after each failure.
   *
   * @defaultValue false
   */
  readonly reconnect?: boolean;
}

/** The state of one subscription. */
interface State extends EventStreamState {
  /** Whether the server has said with a 204 that it has no more events. */
  hasEnded: boolean;
}

/**
 * Requests server-sent events over HTTP: a cold Observable that emits each event, and completes with the body.
 *
 * - It errors with `DecodeError` if the media type is not `text/event-stream`, and with `BodyTooLargeError` if the data of an event has
 *   more than `maxBytes` bytes. All other errors are those of {@link fetchJson}, as is what cancels it. It completes for a 204.
 * - With `reconnect: true` it connects again after the end of a stream, and after a `NetworkError` that may pass. It does so unless
 *   `ctx.deadline` comes before the wait is over. Then it completes, or errors with the last error. Any other error ends it.
 * - It reads on when the subscriber has returned from `next`. So a slow subscriber slows the server down, unless an operator behind the
 *   stream buffers, such as `concatMap` with an asynchronous source.
 * - An event that is not complete when the stream ends is not emitted.
 *
 * @remarks The grammar is that of the HTML standard, https://html.spec.whatwg.org/multipage/server-sent-events.html. Unlike
 * `EventSource`, it sends headers, any method and a body.
 *
 * @example
 * ```ts
 * import { fetchEvents } from 'forkfast';
 *
 * const headers = { 'content-type': 'text/event-stream' };
 * const fetch = async () => new Response('event: order\nid: 7\ndata: tea\n\n', { headers });
 *
 * fetchEvents({ fetch }, 'http://api.test/activity').subscribe(console.log); // => { event: 'order', data: 'tea', id: '7' }
 * ```
 */
export function fetchEvents(
  ctx: Context,
  input: string | URL,
  { reconnect = false, idle, maxBytes = 2 ** 20, ...init }: FetchEventsInit = {},
): Observable<ServerSentEvent> {
  const href = hrefOf(input) ?? input; // copied now: the caller may change the URL
  return defer(() => {
    const own = ownHeaders(init.headers); // once: an iterable may be read only once
    const state: State = { id: undefined, retry: 3_000, hasEnded: false };
    const connection = defer(() => {
      const headers = withLastEventId(own, state.id) as Header[];
      return stream(ctx, new HttpRequest(ctx, href, { ...init, maxBytes, headers }, eventReader(state)), idle);
    });
    if (!reconnect) return connection;
    const waitOr = (end: Observable<unknown>): Observable<unknown> => {
      const { deadline = Infinity } = ctx;
      if (asyncScheduler.now() + state.retry >= deadline) return end;
      return fromAbortable(ctx, () => timer(state.retry));
    };
    return connection.pipe(
      retry({
        delay: (error: unknown) => {
          const failed = throwError(() => error);
          return mayPass(error) ? waitOr(failed) : failed;
        },
      }),
      repeat({ delay: () => (state.hasEnded ? EMPTY : waitOr(EMPTY)) }),
    );
  });
}

const acceptEvents: readonly Header[] = [['accept', 'text/event-stream']];

function eventReader(state: State): ResponseReader<readonly ServerSentEvent[]> {
  return {
    headers: acceptEvents,
    read: (response, request, call) => {
      state.hasEnded = response.status === 204;
      const type = response.headers.get('content-type') ?? '';
      if (!state.hasEnded && !/^\s*text\/event-stream\s*(?:;|$)/i.test(type)) {
        readExcerpt(response.body, call, () => {
          call.fail(() => decodeError('text/event-stream', 'a body', response, request));
        });
        return;
      }
      const lines = new LineSplitter('cr-or-lf', request.maxBytes, tooLarge(request));
      const parser = new EventParser(state, request.maxBytes, tooLarge(request));
      readChunks(response, request, call, {
        *push(chunk) {
          for (const line of lines.push(chunk)) {
            const event = parser.push(line);
            if (event) yield event;
          }
        },
      });
    },
  };
}

/** The header holds the bytes of the id in UTF-8. An id with control characters cannot be sent. */
function withLastEventId(own: readonly Header[], id: string | undefined): readonly Header[] {
  if (id === undefined) return own;
  const others = own.filter(([name]) => name !== 'last-event-id');
  if (id === '' || /[^\t\x20-\x7e\x80-\u{10ffff}]/u.test(id)) return others;
  return [...others, ['last-event-id', String.fromCharCode(...new TextEncoder().encode(id))]];
}

function mayPass(error: unknown): boolean {
  return error instanceof NetworkError && ['connect', 'broken', 'unknown'].includes(error.kind);
}
