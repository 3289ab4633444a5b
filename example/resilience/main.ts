import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { background, fetchJson, settle, url } from 'forkfast';
import {
  concat,
  concatMap,
  defer,
  EMPTY,
  finalize,
  forkJoin,
  map,
  mergeMap,
  type Observable,
  range,
  switchMap,
  timeInterval,
  toArray,
} from 'rxjs';
import { help, type Options, parse, UsageError } from './command-line.ts';
import { type Outcome, type Report, reportOf, tableOf } from './report.ts';
import { type Ask, strategies } from './strategies.ts';
import type { Mood, Seen } from './upstream.ts';

/** Milliseconds after which no round starts. */
const limit = 15_000;

/** Starts the upstream, compares the strategies, and stops the upstream. */
function program(start: string, options: Options): Observable<Report> {
  const { seed, slow, failing } = options;
  return defer(() => startUpstream(start, { seed, slow, failing })).pipe(
    switchMap(({ base, worker }) => compared(base, options).pipe(finalize(() => void worker.terminate()))),
  );
}

async function startUpstream(start: string, mood: Mood): Promise<{ readonly base: string; readonly worker: Worker }> {
  const worker = new Worker(start, { workerData: mood });
  const [base] = (await once(worker, 'message')) as [string];
  return { base, worker };
}

function compared(base: string, options: Options): Observable<Report> {
  const ways = Object.entries(strategies());
  const started = performance.now();
  return concat(warmUp(base, options), rounds(base, options, ways)).pipe(
    toArray(),
    switchMap((outcomes) => {
      const seconds = (performance.now() - started) / 1_000;
      const names = ways.map(([name]) => name);
      return fetchJson<Record<string, Seen>>(background, url`${base}/seen`).pipe(
        map((seen) => reportOf(names, outcomes, seen, options, seconds)),
      );
    }),
  );
}

/** Opens the connections, and gives the compiler something to do: the first round pays for neither. */
function warmUp(base: string, { concurrency }: Options): Observable<never> {
  const requests = Array.from({ length: concurrency }, (_, question) =>
    fetchJson(background, url`${base}/warm/${question}/0`).pipe(settle()),
  );
  return forkJoin(requests).pipe(switchMap(() => EMPTY));
}

/**
 * All strategies in every round, and in every round another one first: they meet the same machine in the same hour.
 *
 * A round is four questions for each lane of `concurrency`, and so of the same length however many there are.
 */
function rounds(
  base: string,
  { requests, concurrency }: Options,
  ways: readonly (readonly [string, Ask])[],
): Observable<Outcome> {
  const size = 4 * concurrency;
  const end = performance.now() + limit;
  const round = (index: number): Observable<Outcome> => {
    if (performance.now() >= end) return EMPTY;
    const first = index % ways.length;
    const questions = range(index * size, Math.min(size, requests - index * size));
    return concat(
      ...[...ways.slice(first), ...ways.slice(0, first)].map(([strategy, ask]) =>
        questions.pipe(mergeMap((question) => outcomeOf(strategy, ask(background, base, question)), concurrency)),
      ),
    );
  };
  return range(0, Math.ceil(requests / size)).pipe(concatMap(round));
}

function outcomeOf(strategy: string, answer: Observable<unknown>): Observable<Outcome> {
  return answer.pipe(
    settle(),
    timeInterval(),
    map(({ value: { status }, interval }) => ({ strategy, answered: status === 'fulfilled', elapsed: interval })),
  );
}

function main([, start = '', ...args]: readonly string[]): void {
  try {
    const options = parse(args);
    if (options.help) {
      console.log(help);
      return;
    }
    program(start, options).subscribe({
      next: (report) => {
        console.log(options.json ? JSON.stringify(report, undefined, 2) : tableOf(report));
      },
      error: (error: unknown) => {
        console.error(error);
        process.exitCode = 1;
      },
    });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

main(process.argv);
