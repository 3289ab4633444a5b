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
import { type Activity, wordsOf } from './activity.ts';
import { help, type Options, parse, UsageError } from './command-line.ts';
import { createLogger } from './logger.ts';
import { bundlePage } from './page.ts';
import type { Problem } from './problem.ts';
import type { MockService } from './services.ts';
import { type Stage, startStage } from './stage.ts';

interface Shown extends Stage {
  /** What each answer of the dashboard took, drawn: of the last, and of those that follow. */
  readonly pictures: Observable<string>;
}

/** The lines that the program prints. Unsubscribing cancels what is in flight, and closes the servers. */
function program(options: Options, stop: Observable<unknown>): Observable<string> {
  return defer(() => start(options)).pipe(
    switchMap((stage) =>
      concat(question(stage, options), options.once ? [] : serving(stage)).pipe(
        takeUntil(stop),
        finalize(() => void stage.close()),
      ),
    ),
  );
}

async function start(options: Options): Promise<Shown> {
  const { port, timeout, scenario, once } = options;
  const runs = new ReplaySubject<readonly RunEvent[]>(1);
  const stage = await startStage({
    profile: { delay: options['profile-delay'], status: options['profile-status'] },
    orders: { delay: options['order-delay'], status: options['order-status'] },
    logger: createLogger(process.env['LOG_LEVEL']?.toLowerCase()),
    port,
    timeout,
    runs,
    ...(once ? {} : { page: bundlePage }),
  });
  const color = process.stdout.isTTY && process.stdout.hasColors(); // which knows NO_COLOR
  return { ...stage, pictures: scenario ? runs.pipe(map((events) => waterfall(events, { color }))) : EMPTY };
}

/** Asks the dashboard over HTTP: the answer, or what went wrong and what the two services saw of it. */
function question({ profile, orders, dashboard, pictures }: Shown, { once }: Options): Observable<string> {
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
function serving({ profile, orders, dashboard, pictures }: Shown): Observable<string> {
  const abandoned = merge(profile.activity, orders.activity).pipe(filter(({ type }) => type === 'abandoned'));
  const where = [
    `Serving ${dashboard.url}/users/42 (Ctrl-C to stop)`,
    `Dashboard page ${dashboard.url}/`,
    `Profile service ${profile.url}/profiles/42`,
    `Order service ${orders.url}/orders/42`,
  ];
  return merge(where, pictures.pipe(skip(1)), abandoned.pipe(map(sentence)), NEVER);
}

function ended({ activity }: MockService): Observable<Activity> {
  return activity.pipe(filter(({ type }) => type !== 'asked'));
}

function sentence(seen: Activity): string {
  return `${seen.service}: ${wordsOf(seen)}`;
}

function reason(error: unknown): string {
  if (error instanceof HttpError) {
    const { status, title, detail } = JSON.parse(error.body) as Problem;
    return `${String(status)} ${title}: ${detail}`;
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
