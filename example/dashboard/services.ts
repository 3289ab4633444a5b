import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { firstValueFrom, fromEvent, map, NEVER, type Observable, ReplaySubject, Subject, takeUntil, timer } from 'rxjs';
import type { Activity } from './activity.ts';
import { type Answer, answer } from './answer.ts';
import { type Env, serve } from './app.ts';
import { type Behavior, behaviorOf } from './behavior.ts';
import type { Listening } from './http.ts';
import { sendEvents } from './server-sent-events.ts';
import { idOf } from './users.ts';

export interface MockOptions {
  /** Milliseconds before it answers, below 2^31. */
  readonly delay?: number;
  /** The status it answers with. */
  readonly status?: number;
  /** 0 for any. */
  readonly port?: number;
}

export interface MockService extends Listening {
  /** Hot; completes when the service is closed. */
  readonly activity: Observable<Activity>;
}

/** `GET /profiles/:id`: `{"name":"Alice"}`, or `Name: Alice` for whoever does not ask for JSON. */
export function startProfileService(options: MockOptions = {}): Promise<MockService> {
  return start('Profile service', '/profiles/:id', { json: { name: 'Alice' }, text: 'Name: Alice' }, options);
}

/** `GET /orders/:id`: `{"orders":5}`, or `Orders: 5` for whoever does not ask for JSON. */
export function startOrderService(options: MockOptions = {}): Promise<MockService> {
  return start('Order service', '/orders/:id', { json: { orders: 5 }, text: 'Orders: 5' }, options);
}

/** Beside its own path, `PUT /behavior` says what it is to do, and `GET /activity` streams what it sees. */
async function start(
  service: string,
  path: `${string}/:id`,
  says: Answer,
  { delay = 0, status = 200, port = 0 }: MockOptions,
): Promise<MockService> {
  let behavior: Behavior = { delay, outcome: status };
  let requests = 0;
  const activity = new Subject<Activity>();
  const recent = new ReplaySubject<Activity>(100); // a page that listens late has missed nothing of its own
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
      c.header('connection', 'close'); // a connection for each request, so that one sees it close
      await next();
    },
  );
  app.get(path, async (c) => {
    if (idOf(c.req.param('id')) === undefined) return c.text('not found', 404);
    const { delay, outcome } = behavior;
    const { outgoing } = c.env;
    const request = ++requests;
    const requestId = /^[\w=-]{1,64}$/.exec(c.req.header('x-request-id') ?? '')?.[0];
    const arrived = performance.now();
    const tell = (type: Activity['type']): void => {
      const elapsed = Math.round(performance.now() - arrived);
      const answered = type === 'answered' ? { status: outgoing.statusCode } : {};
      activity.next({ service, request, requestId, type, ...answered, at: Date.now(), elapsed });
    };
    let cut: Activity['type'] = 'abandoned';
    const closed = fromEvent(outgoing, 'close');
    closed.subscribe(() => {
      tell(outgoing.writableEnded ? 'answered' : cut);
    });
    tell('asked');
    const due = outcome === 'hang' ? NEVER : timer(delay).pipe(map(() => outcome));
    const decided = await firstValueFrom(due.pipe(takeUntil(closed)), { defaultValue: undefined });
    if (decided === undefined) return RESPONSE_ALREADY_SENT;
    if (decided === 'reset') cut = 'reset';
    return answer(c, decided, says);
  });
  app.all(path, (c) => c.text('method not allowed', 405, { allow: 'GET, HEAD' }));

  app.put('/behavior', bodyLimit({ maxSize: 1_024 }), async (c) => {
    const origin = c.req.header('origin'); // who is no page sends none
    if (origin !== undefined && !isLoopback(origin)) return c.text('for pages of this machine only', 403);
    const asked = behaviorOf(await c.req.json().catch(() => undefined));
    if (asked === undefined) return c.text('a behavior is a delay from 0 to 60000 ms and an outcome', 400);
    behavior = asked;
    return c.body(null, 204);
  });
  app.get('/activity', (c) => sendEvents(c, recent.pipe(map((data) => ({ event: 'activity', data })))));

  const server = await serve(app, port, 0);
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

/** Whether it is the origin of a page that this machine serves: no other that is open in the browser has a say here. */
function isLoopback(origin: string): boolean {
  return URL.canParse(origin) && /^(127\.0\.0\.1|localhost|\[::1\])$/.test(new URL(origin).hostname);
}
