import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { background, fetchJson, url } from 'forkfast';
import {
  catchError,
  concat,
  concatMap,
  defer,
  EMPTY,
  endWith,
  finalize,
  forkJoin,
  map,
  mergeMap,
  of,
  type Observable,
  range,
  switchMap,
  timeInterval,
  toArray,
} from 'rxjs';
import { UsageError } from '../shared/flags.ts';
import { help, type Options, parse } from './command-line.ts';
import { type Outcome, type Report, reportOf, tableOf } from './report.ts';
import { strategies, type Strategy } from './strategies.ts';
import type { Counts, Faults } from './upstream.ts';

/** No round starts after this time, in milliseconds. */
const limit = 15_000;

/** Starts the upstream, compares the strategies, and stops the upstream. */
function program(start: string, options: Options): Observable<Report> {
  const { seed, slow, failing } = options;
  return defer(() => startUpstream(start, { seed, slow, failing })).pipe(
    switchMap(({ base, worker }) => compare(base, options).pipe(finalize(() => void worker.terminate()))),
  );
}

async function startUpstream(
  start: string,
  faults: Faults,
): Promise<{ readonly base: string; readonly worker: Worker }> {
  const worker = new Worker(start, { workerData: faults });
  const [base] = (await once(worker, 'message')) as [string];
  return { base, worker };
}

function compare(base: string, options: Options): Observable<Report> {
  const entries = Object.entries(strategies());
  const started = performance.now();
  return concat(warmUp(base, options), rounds(base, options, entries)).pipe(
    toArray(),
    switchMap((outcomes) => {
      const seconds = (performance.now() - started) / 1_000;
      const names = entries.map(([name]) => name);
      return fetchJson<Record<string, Counts>>(background, url`${base}/counts`).pipe(
        map((counts) => reportOf(names, outcomes, counts, options, seconds)),
      );
    }),
  );
}

/** Opens the connections and compiles the code, so that the first round is as fast as the others. */
function warmUp(base: string, { concurrency }: Options): Observable<never> {
  const requests = Array.from({ length: concurrency }, (_, call) =>
    fetchJson(background, url`${base}/warm/${call}/0`).pipe(
      catchError(() => EMPTY),
      endWith(undefined),
    ),
  );
  return forkJoin(requests).pipe(switchMap(() => EMPTY));
}

/**
 * Every round runs all strategies, and each time another one runs first, so that all of them meet the same conditions.
 *
 * A round has four calls for each that may be in flight, so that all rounds take equally long.
 */
function rounds(
  base: string,
  { calls, concurrency }: Options,
  entries: readonly (readonly [string, Strategy])[],
): Observable<Outcome> {
  const size = 4 * concurrency;
  const end = performance.now() + limit;
  const round = (index: number): Observable<Outcome> => {
    if (performance.now() >= end) return EMPTY;
    const first = index % entries.length;
    const numbers = range(index * size, Math.min(size, calls - index * size));
    return concat(
      ...[...entries.slice(first), ...entries.slice(0, first)].map(([name, strategy]) =>
        numbers.pipe(mergeMap((call) => outcomeOf(name, strategy(background, base, call)), concurrency)),
      ),
    );
  };
  return range(0, Math.ceil(calls / size)).pipe(concatMap(round));
}

function outcomeOf(strategy: string, answer: Observable<unknown>): Observable<Outcome> {
  return answer.pipe(
    map(() => true),
    catchError(() => of(false)),
    timeInterval(),
    map(({ value: answered, interval }) => ({ strategy, answered, elapsed: interval })),
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
