import { STATUS_CODES, type ServerResponse } from 'node:http';
import { fromEvent, type Observable, Subject, takeUntil, timer } from 'rxjs';
import { idOf, listen, type Listening, route, send } from './http.ts';

export interface MockOptions {
  /** Milliseconds before it answers, below 2^31. */
  readonly delay?: number;
  /** The status it answers with. */
  readonly status?: number;
  /** 0 for any. */
  readonly port?: number;
}

/** What a mock service saw of one request. */
export interface Activity {
  readonly service: string;
  /** `abandoned`: the client closed the connection before there was an answer. */
  readonly type: 'asked' | 'answered' | 'abandoned';
  /** Milliseconds since the request arrived. */
  readonly elapsed: number;
}

export interface MockService extends Listening {
  /** Hot; completes when the service is closed. */
  readonly activity: Observable<Activity>;
}

/** `GET /profiles/:id`: `{"name":"Alice"}`, or `Name: Alice` for whoever does not ask for JSON. */
export function startProfileService(options: MockOptions = {}): Promise<MockService> {
  return start('Profile service', /^\/profiles\/([^/]*)$/, { name: 'Alice' }, 'Name: Alice', options);
}

/** `GET /orders/:id`: `{"orders":5}`, or `Orders: 5` for whoever does not ask for JSON. */
export function startOrderService(options: MockOptions = {}): Promise<MockService> {
  return start('Order service', /^\/orders\/([^/]*)$/, { orders: 5 }, 'Orders: 5', options);
}

async function start(
  service: string,
  pattern: RegExp,
  data: object,
  text: string,
  { delay = 0, status = 200, port = 0 }: MockOptions,
): Promise<MockService> {
  const activity = new Subject<Activity>();

  const answer = (response: ServerResponse, json: boolean): void => {
    if (status < 200 || status > 299) send(response, status, STATUS_CODES[status] ?? 'failed');
    else if (json) send(response, status, JSON.stringify(data), 'application/json');
    else send(response, status, text);
  };

  const server = await listen(
    route(pattern, (id, request, response) => {
      if (idOf(id) === undefined) {
        send(response, 404, 'not found');
        return;
      }
      const arrived = performance.now();
      const tell = (type: Activity['type']): void => {
        activity.next({ service, type, elapsed: Math.round(performance.now() - arrived) });
      };
      const json = /\bapplication\/(json|\*)/i.test(request.headers.accept ?? '');
      const closed = fromEvent(response, 'close');
      closed.subscribe(() => {
        tell(response.writableEnded ? 'answered' : 'abandoned');
      });
      tell('asked');
      timer(delay)
        .pipe(takeUntil(closed))
        .subscribe(() => {
          answer(response, json);
        });
    }),
    port,
    0,
  );
  return {
    url: server.url,
    activity: activity.asObservable(),
    close: () => {
      // First: the connections that are cut from here on are not the clients' doing.
      activity.complete();
      return server.close();
    },
  };
}
