import {
  defer,
  firstValueFrom,
  from,
  identity,
  isObservable,
  type MonoTypeOperatorFunction,
  type Observable,
  ReplaySubject,
  Subscription,
  timeout,
  timer,
} from 'rxjs';
import { isPromiseLike, mismatch } from '../../core/assert.ts';
import type { Context, Fetch } from '../../index.ts';
import type { Leak } from './leak.ts';
import type { Network } from './requests.ts';
import { watchLeaks } from './watch.ts';

export type TestedService = (ctx: Context) => Observable<unknown> | PromiseLike<unknown>;

/** One way in which a service can end. */
export interface Scenario {
  /** Completes the sentence "a leak when the service …". */
  readonly when: string;
  readonly network: Network;
  readonly run: (controls: Controls) => Promise<void> | void;
}

interface Outcome {
  readonly error?: unknown;
}

/** The controls of one subscription to a service. */
interface Controls {
  readonly subscribe: (operator?: MonoTypeOperatorFunction<unknown>) => void;
  readonly abort: () => void;
  /** Resolves when the subscription has ended, and rejects if that takes too long. */
  readonly outcome: () => Promise<Outcome>;
  /** Says whether the service has sent a request. */
  readonly sent: () => boolean;
}

/** Runs a scenario, unsubscribes, and returns the leaks after that, and the leaks that an abort of the signal adds. */
export async function leaksIn(
  { network, run }: Scenario,
  service: TestedService,
  fetch: Fetch | undefined,
  timeoutMs: number,
): Promise<readonly Leak[]> {
  const watch = watchLeaks(network);
  const ctx = { signal: watch.signal, ...(fetch && { fetch: watch.fetch(fetch) }) };
  const subscription = new Subscription();
  const outcomes = new ReplaySubject<Outcome>(1);
  const end = (outcome: Outcome): void => {
    watch.end();
    outcomes.next(outcome);
  };
  const subscribe = (operator: MonoTypeOperatorFunction<unknown> = identity): void => {
    const observer = {
      error: (error: unknown): void => {
        end({ error });
      },
      complete: (): void => {
        end({});
      },
    };
    subscription.add(
      defer(() => toObservable(service(ctx)))
        .pipe(operator)
        .subscribe(observer),
    );
  };
  const tooLate = (): never => {
    throw new Error(
      `expectNoLeaks: expected the service to end within ${String(timeoutMs)} ms, got no end: pass a longer { timeout }`,
    );
  };
  const outcome = (): Promise<Outcome> =>
    firstValueFrom(outcomes.pipe(timeout({ first: timeoutMs, with: () => defer(tooLate) })), { defaultValue: {} });
  try {
    await run({ subscribe, abort: watch.abort, outcome, sent: watch.sent });
    subscription.unsubscribe();
    watch.end();
    await fewTasks();
    const leaks = watch.leaks();
    watch.abort();
    await fewTasks();
    return [...leaks, ...watch.leaks()];
  } finally {
    subscription.unsubscribe();
    watch.abort();
    watch.restore();
  }
}

/** Unlike `from`, rejects a string or an array, as `aggregate` does. */
function toObservable(answer: unknown): Observable<unknown> {
  if (isObservable(answer) || isPromiseLike(answer)) return from(answer);
  throw new TypeError(
    `${mismatch('service', 'an Observable or a promise', answer)}: wrap it in of(...) or fromAbortable(...)`,
  );
}

/** Waits until what is due now has happened. */
export async function fewTasks(): Promise<void> {
  for (let task = 0; task < 5; task++) await firstValueFrom(timer(0), { defaultValue: 0 });
}
