import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { firstValueFrom, fromEvent, map, NEVER, type Observable, ReplaySubject, Subject, takeUntil, timer } from 'rxjs';
import type { ListeningServer } from '../shared/http.ts';
import type { Activity } from './activity.ts';
import { type Env, serve } from './app.ts';
import { type Behavior, behaviorOf } from './behavior.ts';
import { type MockAnswer, respond } from './respond.ts';
import { sendEvents } from './server-sent-events.ts';
import { idOf } from './users.ts';

export interface MockOptions {
  /** Milliseconds before the service responds, below 2^31. */
  readonly delay?: number;
  /** The status of the responses. */
  readonly status?: number;
  /** 0 for any free port. */
  readonly port?: number;
}

export interface MockService extends ListeningServer {
  /** Hot. Completes when the service is closed. */
  readonly activity: Observable<Activity>;
}

/** `GET /profiles/:id` returns `{"name":"Alice"}`, or the text `Name: Alice` if the client does not accept JSON. */
export function startProfileService(options: MockOptions = {}): Promise<MockService> {
  return start('Profile service', '/profiles/:id', { json: { name: 'Alice' }, text: 'Name: Alice' }, options);
}

/** `GET /orders/:id` returns `{"orders":5}`, or the text `Orders: 5` if the client does not accept JSON. */
export function startOrderService(options: MockOptions = {}): Promise<MockService> {
  return start('Order service', '/orders/:id', { json: { orders: 5 }, text: 'Orders: 5' }, options);
}

/** `PUT /behavior` changes the behavior of the service, and `GET /activity` streams its activity. */
async function start(
  service: string,
  path: `${string}/:id`,
  answer: MockAnswer,
  { delay = 0, status = 200, port = 0 }: MockOptions,
): Promise<MockService> {
  let behavior: Behavior = { delay, outcome: status };
  let requests = 0;
  const activity = new Subject<Activity>();
  const recent = new ReplaySubject<Activity>(100); // a page may connect after its requests
  activity.subscribe(recent);

  const app = new Hono<Env>();
  app.use(
    cors({
      origin: (origin) => (isLoopback(origin) ? origin : null),
      allowMethods: ['GET', 'PUT'],
      allowHeaders: ['content-type', 'x-request-id'],
      maxAge: 600,
    }),
    async (c, next) => {
      c.header('cache-control', 'no-store');
      c.header('connection', 'close'); // each request has its own connection, so that its end is visible
      await next();
    },
  );
  app.get(path, async (c) => {
    if (idOf(c.req.param('id')) === undefined) return c.text('not found', 404);
    const { delay, outcome } = behavior;
    const { outgoing } = c.env;
    const request = ++requests;
    const requestId = /^[\w=-]{1,64}$/.exec(c.req.header('x-request-id') ?? '')?.[0];
    const receivedAt = performance.now();
    const report = (type: Activity['type']): void => {
      const elapsed = Math.round(performance.now() - receivedAt);
      const response = type === 'answered' ? { status: outgoing.statusCode } : {};
      activity.next({ service, request, requestId, type, ...response, at: Date.now(), elapsed });
    };
    let incomplete: Activity['type'] = 'abandoned';
    const closed = fromEvent(outgoing, 'close');
    closed.subscribe(() => {
      report(outgoing.writableEnded ? 'answered' : incomplete);
    });
    report('received');
    const due = outcome === 'hang' ? NEVER : timer(delay).pipe(map(() => outcome));
    const dueOutcome = await firstValueFrom(due.pipe(takeUntil(closed)), { defaultValue: undefined });
    if (dueOutcome === undefined) return RESPONSE_ALREADY_SENT;
    if (dueOutcome === 'reset') incomplete = 'reset';
    return respond(c, dueOutcome, answer);
  });
  app.all(path, (c) => c.text('method not allowed', 405, { allow: 'GET, HEAD' }));

  app.put('/behavior', bodyLimit({ maxSize: 1_024 }), async (c) => {
    const origin = c.req.header('origin'); // a client that is not a page sends no origin
    if (origin !== undefined && !isLoopback(origin)) return c.text('expected a page of this machine', 403);
    const newBehavior = behaviorOf(await c.req.json().catch(() => undefined));
    if (newBehavior === undefined) return c.text('expected a delay from 0 to 60000 ms and an outcome', 400);
    behavior = newBehavior;
    return c.body(null, 204);
  });
  app.get('/activity', (c) => sendEvents(c, recent.pipe(map((data) => ({ event: 'activity', data })))));

  const server = await serve(app, port, 0);
  return {
    url: server.url,
    activity: activity.asObservable(),
    close: () => {
      // Completes first, so that connections that the server closes do not count as abandoned by clients.
      activity.complete();
      return server.close();
    },
  };
}

/** Whether this machine serves the origin. Pages of other origins have no access. */
function isLoopback(origin: string): boolean {
  return URL.canParse(origin) && /^(127\.0\.0\.1|localhost|\[::1\])$/.test(new URL(origin).hostname);
}
