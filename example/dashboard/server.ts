import { type Logger, type RunEvent, silent, withEvents, withLogger, withTimeout } from 'forkfast';
import { serverTiming } from 'forkfast/report';
import { contextOf, problemOf } from 'forkfast/server';
import { type Context, Hono } from 'hono';
import { accepts } from 'hono/accepts';
import { HTTPException } from 'hono/http-exception';
import { requestId } from 'hono/request-id';
import { catchError, filter, finalize, lastValueFrom, map, merge, Observable, type Observer, of, Subject } from 'rxjs';
import type { ListeningServer } from '../shared/http.ts';
import { type Env, serve } from './app.ts';
import { logTo } from './log-lines.ts';
import { addPage, type Page } from './page.ts';
import { failed, notAllowed, notFound } from './problem.ts';
import { queryOf } from './query.ts';
import { type LogLine, messageOf, type RunMessage } from './run-messages.ts';
import { sendEvents } from './server-sent-events.ts';
import { idOf, lineOf, type Upstreams, type User, type UserContext, usersOf } from './users.ts';

export interface DashboardOptions extends Upstreams {
  /** The timeout of a run, in milliseconds. */
  readonly timeout: number;
  readonly logger?: Logger;
  /** 0 for any free port. */
  readonly port?: number;
  /** Receives all events of a run when the run has ended. */
  readonly runs?: Pick<Observer<readonly RunEvent[]>, 'next'>;
  /** The page at `/`. Without it, `/` is not found. */
  readonly page?: Page;
}

type Events = Pick<Observer<RunEvent>, 'next'>;

interface RequestContext extends UserContext {
  readonly requestId: string;
  readonly events: Events;
}

/** The dashboard backend: `GET /users/:id` returns `User: Alice | Orders: 5`, and `/users/:id/events` streams the run. */
export async function startDashboard(options: DashboardOptions): Promise<ListeningServer> {
  const { timeout, logger = silent, port = 0, runs, page } = options;
  const lines = new Subject<LogLine>();
  const users = usersOf(
    options,
    withTimeout(timeout),
    withLogger(
      logTo({
        next: (line) => {
          logger[line.level](line.message, line.fields);
          lines.next(line);
        },
      }),
      { fields: ({ requestId }: RequestContext) => ({ requestId }) },
    ),
    withEvents({
      next: (event) => {
        (event.ctx as RequestContext).events.next(event);
      },
    }),
  );
  const shutdown = new AbortController();

  /** Starts a run with the id, the deadline and the signal of the request. */
  const startRun = (c: Context<Env>, events: Events): Observable<User> => {
    const id = idOf(c.req.param('id') ?? '');
    if (id === undefined) throw new HTTPException(400, { message: 'id: expected a positive integer' });
    const { timeout, retries, hedge: hedgeAfter } = queryOf(c.req.query());
    const { requestId } = c.var;
    const received = contextOf(c.env.incoming, c.env.outgoing, { signal: shutdown.signal, atMost: timeout });
    const propagate = { 'x-request-id': requestId };
    const ctx: RequestContext = { ...received, propagate, retries, hedgeAfter, requestId, events };
    return users(ctx, id);
  };

  const app = new Hono<Env>();
  app.use(requestId({ limitLength: 64 }));
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/users/:id{[^/]*}', async (c) => {
    const events: RunEvent[] = [];
    const responses = startRun(c, { next: (event) => events.push(event) }).pipe(
      map((user) => (prefersJson(c) ? c.json(user) : c.text(lineOf(user)))),
      catchError((error: unknown) => of(failed(c, error))),
      finalize(() => runs?.next(events)),
    );
    const response = await lastValueFrom(responses, { defaultValue: c.body(null) });
    response.headers.set('vary', 'Accept');
    response.headers.set('server-timing', serverTiming(events));
    return response;
  });
  app.get('/users/:id/events', (c) => {
    const events = new Subject<RunEvent>();
    const result = startRun(c, events).pipe(
      map((data): RunMessage => ({ event: 'answer', data })),
      catchError((error: unknown) => of<RunMessage>({ event: 'problem', data: problemOf(error).body })),
    );
    const { requestId } = c.var;
    const log = lines.pipe(
      filter(({ fields }) => fields['requestId'] === requestId),
      map((data): RunMessage => ({ event: 'log', data })),
    );
    const messages = new Observable<RunMessage>((client) => {
      client.next({ event: 'request', data: { requestId } });
      client.add(
        merge(log, events.pipe(map(messageOf))).subscribe((message) => {
          client.next(message);
        }),
      );
      client.add(result.subscribe(client));
    });
    return sendEvents(c, messages);
  });
  app.all('/users/:id{[^/]*}', notAllowed);
  app.all('/users/:id/events', notAllowed);
  if (page) addPage(app, page, options);
  app.notFound(notFound);
  app.onError((error, c) => failed(c, error));

  const server = await serve(app, port, 500);
  return {
    url: server.url,
    close: () => {
      shutdown.abort();
      return server.close();
    },
  };
}

function prefersJson(c: Context<Env>): boolean {
  const [text, json] = ['text/plain', 'application/json'] as const;
  return accepts(c, { header: 'Accept', supports: [text, json], default: text }) === json;
}
