import { parentPort, workerData } from 'node:worker_threads';
import { BehaviorSubject, first, fromEvent, takeUntil, timer } from 'rxjs';
import { listen, type Listening, send } from '../dashboard/http.ts';

/** How often the upstream has a bad moment, and which of the requests get it. */
export interface Mood {
  readonly seed: number;
  /** Percent of the requests that take 200 ms longer. */
  readonly slow: number;
  /** Percent of the requests that end with a 503. */
  readonly failing: number;
}

/** What becomes of one request. */
export interface Fate {
  readonly status: 200 | 503;
  /** Milliseconds. */
  readonly delay: number;
}

/** What the upstream saw of one strategy. */
export interface Seen {
  requests: number;
  /** Connections that the client closed before there was an answer: it had let the request go. */
  closed: number;
}

/**
 * The fate of a request: always the same for the same attempt at the same question.
 *
 * So the strategies are compared fairly: the first attempt at a question ends alike for all four.
 */
export function fateOf({ seed, slow, failing }: Mood, question: number, attempt: number): Fate {
  const percent = 100 * uniform([seed, question, attempt, 0]);
  const delay = 5 + 10 * uniform([seed, question, attempt, 1]);
  if (percent < failing) return { status: 503, delay };
  return { status: 200, delay: percent < failing + slow ? delay + 200 : delay };
}

/** A number from 0 up to 1 that depends on all of `numbers`: the finalizer of MurmurHash3, once for each. */
function uniform(numbers: readonly number[]): number {
  const hash = numbers.reduce((mixed, number) => {
    const once = Math.imul(mixed ^ number ^ (mixed >>> 16), 0x85ebca6b);
    const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
    return twice ^ (twice >>> 16);
  }, 0x9e3779b9);
  return (hash >>> 0) / 2 ** 32;
}

/** `GET /:strategy/:question/:attempt` meets its fate; `GET /seen` says what was seen, once nothing is in flight. */
export function startUpstream(mood: Mood): Promise<Listening> {
  const seen: Record<string, Seen> = {};
  const inFlight = new BehaviorSubject(0);
  return listen(
    (request, response) => {
      const [, strategy, question, attempt] = /^\/(\w+)\/(\d+)\/(\d+)$/.exec(request.url ?? '') ?? [];
      const closed = fromEvent(response, 'close');
      if (request.url === '/seen') {
        inFlight.pipe(first((count) => count === 0)).subscribe(() => {
          send(response, 200, JSON.stringify(seen), 'application/json');
        });
      } else if (strategy === undefined) {
        send(response, 404, 'not found');
      } else {
        const counts = (seen[strategy] ??= { requests: 0, closed: 0 });
        counts.requests++;
        inFlight.next(inFlight.value + 1);
        closed.subscribe(() => {
          if (!response.writableEnded) counts.closed++;
          inFlight.next(inFlight.value - 1);
        });
        const { status, delay } = fateOf(mood, Number(question), Number(attempt));
        timer(delay)
          .pipe(takeUntil(closed))
          .subscribe(() => {
            send(response, status, JSON.stringify({ question: Number(question) }), 'application/json');
          });
      }
    },
    0,
    0,
  );
}

if (parentPort) {
  const port = parentPort;
  void startUpstream(workerData as Mood).then(({ url }) => {
    port.postMessage(url);
  });
}
