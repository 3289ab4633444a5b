import { background, fetchText, HttpError, type RunEvent, url } from 'forkfast';
import { waterfall } from 'forkfast/report';
import { winstonLogger } from 'forkfast/winston';
import {
  catchError,
  concat,
  defer,
  EMPTY,
  filter,
  finalize,
  fromEvent,
  map,
  merge,
  NEVER,
  type Observable,
  of,
  ReplaySubject,
  skip,
  switchMap,
  take,
  takeUntil,
  timer,
} from 'rxjs';
import { UsageError } from '../shared/flags.ts';
import { type Activity, textOf } from './activity.ts';
import { help, type Options, parse } from './command-line.ts';
import { bundlePage } from './page.ts';
import type { Problem } from './problem.ts';
import type { MockService } from './services.ts';
import { type Servers, startServers } from './start-servers.ts';

interface Stage extends Servers {
  /** Draws the last run of the dashboard, and each run that follows. */
  readonly drawings: Observable<string>;
}

/** Emits the lines to print. Unsubscribing cancels the requests in flight, and closes the servers. */
function program(options: Options, stop: Observable<unknown>): Observable<string> {
  return defer(() => start(options)).pipe(
    switchMap((stage) =>
      concat(firstRequest(stage, options), options.once ? [] : serve(stage)).pipe(
        takeUntil(stop),
        finalize(() => void stage.close()),
      ),
    ),
  );
}

async function start(options: Options): Promise<Stage> {
  const { port, timeout, scenario, once } = options;
  const runs = new ReplaySubject<readonly RunEvent[]>(1);
  const servers = await startServers({
    profile: { delay: options['profile-delay'], status: options['profile-status'] },
    orders: { delay: options['order-delay'], status: options['order-status'] },
    logger: winstonLogger(process.env['LOG_LEVEL'] === undefined ? { level: 'debug' } : {}),
    port,
    timeout,
    runs,
    ...(once ? {} : { page: bundlePage }),
  });
  const color = process.stdout.isTTY && process.stdout.hasColors(); // hasColors() respects NO_COLOR
  return { ...servers, drawings: scenario ? runs.pipe(map((events) => waterfall(events, { color }))) : EMPTY };
}

/** Requests a user from the dashboard over HTTP. Emits the answer, or the error and the ends of the two requests upstream. */
function firstRequest({ profile, orders, dashboard, drawings }: Stage, { once }: Options): Observable<string> {
  const startedAt = performance.now();
  const ends = new ReplaySubject<Activity>(2);
  merge(requestEnds(profile).pipe(take(1)), requestEnds(orders).pipe(take(1))).subscribe(ends);
  const drawing = drawings.pipe(take(1));

  return concat(fetchText(background, url`${dashboard.url}/users/${42}`), drawing).pipe(
    catchError((error: unknown) => {
      if (once) process.exitCode = 1;
      const elapsed = Math.round(performance.now() - startedAt);
      // A service may see its connection close after the client has the response. The program waits for that.
      return concat(
        of(`Failed after ${String(elapsed)} ms: ${reason(error)}`),
        concat(drawing, ends.pipe(map(sentenceOf))).pipe(takeUntil(timer(5_000))),
      );
    }),
  );
}

/** Emits the URLs of the servers, and a line for each connection that a client closes before the response. Never completes. */
function serve({ profile, orders, dashboard, drawings }: Stage): Observable<string> {
  const abandoned = merge(profile.activity, orders.activity).pipe(filter(({ type }) => type === 'abandoned'));
  const urls = [
    `Serving ${dashboard.url}/users/42 (Ctrl-C to stop)`,
    `Dashboard page ${dashboard.url}/`,
    `Profile service ${profile.url}/profiles/42`,
    `Order service ${orders.url}/orders/42`,
  ];
  return merge(urls, drawings.pipe(skip(1)), abandoned.pipe(map(sentenceOf)), NEVER);
}

function requestEnds({ activity }: MockService): Observable<Activity> {
  return activity.pipe(filter(({ type }) => type !== 'received'));
}

function sentenceOf(activity: Activity): string {
  return `${activity.service}: ${textOf(activity)}`;
}

function reason(error: unknown): string {
  if (error instanceof HttpError) {
    const { status, title, detail } = JSON.parse(error.body) as Problem;
    return `${String(status)} ${title}: ${detail}`;
  }
  const { code, message, port } = error as NodeJS.ErrnoException & { port?: number };
  return code === 'EADDRINUSE'
    ? `port ${String(port)} is taken: choose another port with --port, or 0 for any`
    : message;
}

function exit(code: number, message: string): void {
  console.error(message);
  process.exitCode = code;
}

function main(args: readonly string[]): void {
  try {
    const options = parse(args);
    if (options.help) {
      console.log(help);
      return;
    }
    // Replays a signal that arrives while the servers start. A second signal kills the process, as by default.
    const stop = new ReplaySubject<unknown>(1);
    merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM')).pipe(take(1)).subscribe(stop);
    program(options, stop).subscribe({
      next: (line) => {
        console.log(line);
      },
      error: (error: unknown) => {
        exit(1, reason(error));
      },
    });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    exit(2, error.message);
  }
}

main(process.argv.slice(2));
