import type { FakeCall } from 'forkfast/testing';
import { defer, finalize, map, NEVER, type Observable, Subject, Subscription, timer, zip } from 'rxjs';
import type { Activity } from '../activity.ts';
import type { Behavior, Outcome } from '../behavior.ts';

/** A service without a network. It reports its requests as the mock services of the dashboard do. */
export class SimulatedService {
  readonly activity: Observable<Activity>;
  behavior: Behavior = { delay: 0, outcome: 200 };
  readonly #activity = new Subject<Activity>();
  readonly #service: string;
  readonly #answer: object;
  #requests = 0;

  constructor(service: string, answer: object) {
    this.activity = this.#activity.asObservable();
    this.#service = service;
    this.#answer = answer;
  }

  /** Emits a response, or the error of a broken connection. Unsubscribing abandons the request. */
  respond({ headers }: FakeCall): Observable<Response | Error> {
    return defer(() => {
      const { delay, outcome } = this.behavior;
      const end = this.#receive(headers.get('x-request-id') ?? undefined);
      let responded = false;
      return (outcome === 'hang' ? NEVER : timer(delay)).pipe(
        map(() => {
          responded = true;
          return this.#respond(outcome, end);
        }),
        finalize(() => {
          if (!responded) end('abandoned');
        }),
      );
    });
  }

  /** Reports that a request has arrived, and returns a function that reports the end of the request. */
  #receive(requestId: string | undefined): End {
    const [request, receivedAt] = [++this.#requests, Date.now()];
    const report: End = (type, status) => {
      const at = Date.now();
      const response = status === undefined ? {} : { status };
      const elapsed = at - receivedAt;
      this.#activity.next({ service: this.#service, request, requestId, type, at, elapsed, ...response });
    };
    report('received');
    return report;
  }

  #respond(outcome: Outcome, end: End): Response | Error {
    if (outcome === 'reset') {
      end('reset');
      return new TypeError('Failed to fetch');
    }
    if (outcome === 'slow-body') return new Response(slowly(JSON.stringify(this.#answer), end));
    const status = Number(outcome);
    end('answered', status);
    return Response.json(this.#answer, { status });
  }
}

type End = (type: Activity['type'], status?: number) => void;

/** Sends the text one byte at a time, as the mock services of the dashboard do. */
function slowly(text: string, end: End): ReadableStream<Uint8Array> {
  const sending = new Subscription();
  return new ReadableStream({
    start: (controller) => {
      const bytes = zip(new TextEncoder().encode(text), timer(0, 200));
      sending.add(
        bytes.subscribe({
          next: ([byte]) => {
            controller.enqueue(Uint8Array.of(byte));
          },
          complete: () => {
            end('answered', 200);
            controller.close();
          },
        }),
      );
    },
    cancel: () => {
      sending.unsubscribe();
      end('abandoned');
    },
  });
}
