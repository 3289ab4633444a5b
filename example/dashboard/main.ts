import { STATUS_CODES } from 'node:http';
import { background, fetchText, HttpError, type RunEvent, url } from 'forkfast';
import { waterfall } from 'forkfast/report';
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
import { help, type Options, parse, UsageError } from './command-line.ts';
import type { Listening } from './http.ts';
import { createLogger } from './logger.ts';
import { startDashboard } from './server.ts';
import { type Activity, type MockService, startOrderService, startProfileService } from './services.ts';

/** The three servers. */
interface Stage {
  readonly profile: MockService;
  readonly orders: MockService;
  readonly dashboard: Listening;
  /** What each answer of the dashboard took, drawn: of the last, and of those that follow. */
  readonly pictures: Observable<string>;
}

/** The lines that the program prints. Unsubscribing cancels what is in flight, and closes the servers. */
function program(options: Options, stop: Observable<unknown>): Observable<string> {
  return defer(() => start(options)).pipe(
    switchMap((stage) =>
      concat(question(stage, options), options.once ? [] : serving(stage)).pipe(
        takeUntil(stop),
        finalize(() => void close(stage)),
      ),
    ),
  );
}

async function start(options: Options): Promise<Stage> {
  const [profile, orders] = await Promise.all([
    startProfileService({ delay: options['profile-delay'], status: options['profile-status'] }),
    startOrderService({ delay: options['order-delay'], status: options['order-status'] }),
  ]);
  const logger = createLogger(process.env['LOG_LEVEL']?.toLowerCase());
  const { port, timeout, scenario } = options;
  const runs = new ReplaySubject<readonly RunEvent[]>(1);
  try {
    const dashboard = await startDashboard({ profile: profile.url, orders: orders.url, port, timeout, logger, runs });
    const color = process.stdout.isTTY && process.stdout.hasColors(); // which knows NO_COLOR
    return {
      profile,
      orders,
      dashboard,
      pictures: scenario ? runs.pipe(map((events) => waterfall(events, { color }))) : EMPTY,
    };
  } catch (error) {
    await Promise.all([profile.close(), orders.close()]);
    throw error;
  }
}

/** The dashboard first: it cancels what it asked of the others. */
async function close({ profile, orders, dashboard }: Stage): Promise<void> {
  await dashboard.close();
  await Promise.all([profile.close(), orders.close()]);
}

/** Asks the dashboard over HTTP: the answer, or what went wrong and what the two services saw of it. */
function question({ profile, orders, dashboard, pictures }: Stage, { once }: Options): Observable<string> {
  const asked = performance.now();
  const seen = new ReplaySubject<Activity>(2);
  merge(ended(profile).pipe(take(1)), ended(orders).pipe(take(1))).subscribe(seen);
  const picture = pictures.pipe(take(1));

  return concat(fetchText(background, url`${dashboard.url}/users/${42}`), picture).pipe(
    catchError((error: unknown) => {
      if (once) process.exitCode = 1;
      const elapsed = Math.round(performance.now() - asked);
      // A server may see its connection close after the client has its answer; that it does is worth waiting for.
      return concat(
        of(`Failed after ${String(elapsed)} ms: ${reason(error)}`),
        concat(picture, seen.pipe(map(sentence))).pipe(takeUntil(timer(5_000))),
      );
    }),
  );
}

/** Says where, and which connections were closed before there was an answer; never completes. */
function serving({ profile, orders, dashboard, pictures }: Stage): Observable<string> {
  const abandoned = merge(profile.activity, orders.activity).pipe(filter(({ type }) => type === 'abandoned'));
  const where = [
    `Serving ${dashboard.url}/users/42 (Ctrl-C to stop)`,
    `Profile service ${profile.url}/profiles/42`,
    `Order service ${orders.url}/orders/42`,
  ];
  return merge(where, pictures.pipe(skip(1)), abandoned.pipe(map(sentence)), NEVER);
}

function ended({ activity }: MockService): Observable<Activity> {
  return activity.pipe(filter(({ type }) => type !== 'asked'));
}

function sentence({ service, type, elapsed }: Activity): string {
  return type === 'abandoned'
    ? `${service}: connection closed by the client after ${String(elapsed)} ms, before it answered`
    : `${service}: answered after ${String(elapsed)} ms`;
}

function reason(error: unknown): string {
  if (error instanceof HttpError) {
    return `${String(error.status)} ${STATUS_CODES[error.status] ?? ''}: ${error.body}`;
  }
  const { code, message, port } = error as NodeJS.ErrnoException & { port?: number };
  return code === 'EADDRINUSE' ? `port ${String(port)} is taken: choose another by --port, 0 for any` : message;
}

function exit(code: number, why: string): void {
  console.error(why);
  process.exitCode = code;
}

function main(args: readonly string[]): void {
  try {
    const options = parse(args);
    if (options.help) {
      console.log(help);
      return;
    }
    // Replayed: a signal that comes while the servers start counts too. A second one kills, by default.
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
