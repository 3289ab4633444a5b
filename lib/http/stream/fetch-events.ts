import { defer, EMPTY, map, type Observable, repeat, retry, timer } from 'rxjs';
import type { Context } from '../../core/context.ts';
import { fitsDeadline } from '../../core/run-handle.ts';
import { HttpError } from '../../errors/http-error.ts';
import { isRepeatable, mayPass } from '../../errors/repeatable.ts';
import { send } from '../fetch.ts';
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
   * Whether to connect again when the stream ends, and when it fails with an error that may pass, with the header `Last-Event-ID`.
   * It waits for the time that the server has sent in the field `retry` (3,000 ms by default, at least 500 ms), and up to half of that
   * more at random, or for `Retry-After` if that is longer. The wait does not grow with the failures.
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
 * - With `reconnect: true` it connects again after the end of a stream, and after the errors of {@link isTransient}, whatever the method.
 *   It does so unless `ctx.deadline` comes before the wait is over. Then it completes, or errors with the last error. Any other error
 *   ends it. Each failure that it repeats is an event `reconnecting` of the run.
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
export function fetchEvents(ctx: Context, input: string | URL, init?: FetchEventsInit): Observable<ServerSentEvent> {
  const { reconnect = false, idle, headers } = init ?? {};
  const http = new HttpRequest(ctx, input, init, eventReader(newState()), 2 ** 20);
  return defer(() => {
    const state = newState();
    let own: readonly Header[] | undefined;
    const work = http.startedBy((call) => {
      own ??= ownHeaders(headers); // once: an iterable may be read only once
      http.start(call, eventReader(state), withLastEventId(own, state.id) as Header[]);
    });
    const connection = stream(ctx, http, idle, work);
    if (!reconnect) return connection;
    /** Waits with the signals of the request. `undefined` if the next connection would be too late. */
    const pause = (retryAfter = 0): Observable<unknown> | undefined => {
      const wait = Math.min(Math.max(jittered(state.retry), retryAfter), MAX_WAIT);
      const waiting = http.startedBy((call) => {
        call.follow(timer(wait).pipe(map(() => [])), () => undefined);
      });
      return fitsDeadline(ctx, wait) ? send(ctx, http, waiting) : undefined;
    };
    return connection.pipe(
      retry({
        delay: (error: unknown) => {
          const canRepeat = mayPass(error) && isRepeatable(error) !== false;
          const waiting = canRepeat && pause(error instanceof HttpError ? error.retryAfter : undefined);
          if (!waiting) throw error;
          http.reportReconnecting(error);
          return waiting;
        },
      }),
      repeat({ delay: () => (state.hasEnded ? undefined : pause()) ?? EMPTY }),
    );
  });
}

/** The longest delay of a timer. */
const MAX_WAIT = 2 ** 31 - 1;

/** As in Firefox: a server that sends `retry: 0` and ends each stream would be flooded. */
const MIN_RETRY = 500;

/** Up to half as long again, so that the clients of a server that has restarted do not come back together. */
function jittered(retry: number): number {
  return Math.max(retry, MIN_RETRY) * (1 + Math.random() / 2);
}

function newState(): State {
  return { id: undefined, retry: 3_000, hasEnded: false };
}

const acceptEvents: readonly Header[] = [['accept', 'text/event-stream']];

function eventReader(state: State): ResponseReader<readonly ServerSentEvent[]> {
  return {
    headers: acceptEvents,
    isStream: true,
    read: (response, request, call) => {
      state.hasEnded = response.status === 204;
      // A server and a proxy may both send the header: then the last value counts, as in browsers.
      const type = response.headers.get('content-type') ?? '';
      if (!state.hasEnded && !/(?:^|,)\s*text\/event-stream\s*(?:;[^,]*)?$/i.test(type)) {
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
  return [...others, ['last-event-id', latin1(new TextEncoder().encode(id))]];
}

/** An id may be long: `String.fromCharCode` has a bound of its arguments. */
function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}
