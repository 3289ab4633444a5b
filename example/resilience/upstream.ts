import { parentPort, workerData } from 'node:worker_threads';
import { BehaviorSubject, first, fromEvent, takeUntil, timer } from 'rxjs';
import { listen, type ListeningServer, send } from '../shared/http.ts';

/** The rates of the faults, and the seed that decides which requests have them. */
export interface Faults {
  readonly seed: number;
  /** Percentage of the requests that take 200 ms longer. */
  readonly slow: number;
  /** Percentage of the requests that end with a 503. */
  readonly failing: number;
}

export interface Reply {
  readonly status: 200 | 503;
  /** Milliseconds. */
  readonly delay: number;
}

/** The upstream counts the requests of each strategy. */
export interface Counts {
  requests: number;
  /** Connections that the client closed before the response, because it canceled the request. */
  closed: number;
}

/**
 * Returns the reply to an attempt of a call. The reply depends on its arguments alone.
 *
 * That makes the comparison fair: the first attempt of a call has the same reply for all strategies.
 */
export function replyTo({ seed, slow, failing }: Faults, call: number, attempt: number): Reply {
  const percent = 100 * uniform([seed, call, attempt, 0]);
  const delay = 5 + 10 * uniform([seed, call, attempt, 1]);
  if (percent < failing) return { status: 503, delay };
  return { status: 200, delay: percent < failing + slow ? delay + 200 : delay };
}

/** Hashes the numbers to a number from 0 up to 1, with the finalizer of MurmurHash3. */
function uniform(numbers: readonly number[]): number {
  const hash = numbers.reduce((mixed, number) => {
    const once = Math.imul(mixed ^ number ^ (mixed >>> 16), 0x85ebca6b);
    const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
    return twice ^ (twice >>> 16);
  }, 0x9e3779b9);
  return (hash >>> 0) / 2 ** 32;
}

/** `GET /:strategy/:call/:attempt` sends the reply. `GET /counts` returns the counts when no request is in flight. */
export function startUpstream(faults: Faults): Promise<ListeningServer> {
  const countsOf: Record<string, Counts> = {};
  const inFlight = new BehaviorSubject(0);
  return listen(
    (request, response) => {
      const [, strategy, call, attempt] = /^\/(\w+)\/(\d+)\/(\d+)$/.exec(request.url ?? '') ?? [];
      const closed = fromEvent(response, 'close');
      if (request.url === '/counts') {
        inFlight.pipe(first((count) => count === 0)).subscribe(() => {
          send(response, 200, JSON.stringify(countsOf), 'application/json');
        });
      } else if (strategy === undefined) {
        send(response, 404, 'not found');
      } else {
        const counts = (countsOf[strategy] ??= { requests: 0, closed: 0 });
        counts.requests++;
        inFlight.next(inFlight.value + 1);
        closed.subscribe(() => {
          if (!response.writableEnded) counts.closed++;
          inFlight.next(inFlight.value - 1);
        });
        const { status, delay } = replyTo(faults, Number(call), Number(attempt));
        timer(delay)
          .pipe(takeUntil(closed))
          .subscribe(() => {
            send(response, status, JSON.stringify({ call: Number(call) }), 'application/json');
          });
      }
    },
    0,
    0,
  );
}

if (parentPort) {
  const port = parentPort;
  void startUpstream(workerData as Faults).then(({ url }) => {
    port.postMessage(url);
  });
}
