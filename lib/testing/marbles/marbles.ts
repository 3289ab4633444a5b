import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { ignoreRejection, isPromiseLike, mismatch } from '../../core/assert.ts';
import {
  type Diff,
  diffOfNotifications,
  diffOfSubscriptions,
  type Legend,
  type Message,
  type SubscriptionLog,
} from './diff.ts';
import { equal } from './equal.ts';

/**
 * Runs `test` in virtual time on a `TestScheduler` of its own: ten seconds take a millisecond. Call it inside a test of any
 * runner.
 *
 * Rethrows what `test` throws. Throws an `Error` if the marbles differ: its message shows both lines aligned and a legend of
 * the letters, and its stack starts at the expectation. Its `expected` and `actual` are for runners that draw their own diff.
 * An expectation without `toBe` or `toEqual` is an error too.
 *
 * Values are compared deeply by content, `Headers`, `URLSearchParams` and `FormData` included. Objects whose content cannot be
 * read are compared by identity: a `Blob`, a function, a promise, an instance of a class that has private fields. Errors are
 * compared by class name, `name`, `code`, `service`, `message`, `errors` and `pending`, and by `cause` and other fields if the
 * expected error has them.
 *
 * Promises do not run in virtual time, so `fetchJson` and `fakeFetch` emit nothing before the test ends: use `cold('--a|')` as
 * a service instead. Virtual time runs until nothing is scheduled, so an endless source needs a marble that unsubscribes:
 * `expectObservable(interval(1_000), '^ 3s !')`.
 *
 * @param test - Receives RxJS's `RunHelpers`: `cold`, `hot`, `expectObservable`, `expectSubscriptions`, `flush`, `time`.
 * @throws TypeError if `test` is not a function, or returns a promise.
 * @remarks RxJS's "Testing RxJS Code with Marble Diagrams" (https://rxjs.dev/guide/testing/marble-testing).
 *
 * @example
 * ```ts
 * import { aggregate, background, DeadlineExceededError, withTimeout } from 'forkfast';
 * import { marbles } from 'forkfast/testing';
 *
 * try {
 *   marbles(({ cold, expectObservable, expectSubscriptions }) => {
 *     const orders = cold('2s (o|)');
 *     const dashboard = aggregate({ orders: () => orders }, withTimeout(1_000));
 *
 *     const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 1_000 });
 *     expectObservable(dashboard(background)).toBe('1s #', undefined, late); // passes
 *     expectSubscriptions(orders.subscriptions).toBe('^ 1s !'); // one millisecond late
 *   });
 * } catch (error) {
 *   console.log((error as Error).message);
 *   // => marbles: the subscriptions differ from the expected ones:
 *   //      expected  ^ 1s     !
 *   //      actual    ^ 999ms !
 * }
 * ```
 */
export function marbles(test: (helpers: RunHelpers) => void): void {
  if (typeof test !== 'function') {
    throw new TypeError(`${mismatch('marbles: test', 'a function', test)}: pass (helpers) => { … }`);
  }
  const run: (helpers: RunHelpers) => unknown = test;
  const expectations: Expectation[] = [];
  const scheduler = new TestScheduler((actual: Compared, expected: Compared) => {
    // The scheduler compares expectations in the order in which they were made.
    const expectation = expectations.find(({ legend, compared }) => legend && !compared);
    if (expectation) expectation.compared = true;
    if (equal(actual, expected)) return;
    throw new MarbleError(diffOf(actual, expected, expectation?.legend), expectation?.madeAt);
  });
  scheduler.run((helpers) => {
    const returned = run(recorded(helpers, expectations));
    if (!isPromiseLike(returned)) return;
    ignoreRejection(returned);
    throw new TypeError('marbles: test: expected a synchronous function, got a promise: await outside of marbles');
  });
  const unfinished = expectations.find(({ legend }) => !legend);
  if (unfinished) throw stackedAt(unfinished.madeAt, new Error(UNFINISHED));
}

const UNFINISHED =
  'marbles: expected toBe or toEqual after expectObservable or expectSubscriptions, got neither: call one';

interface Expectation {
  /** Its stack shows where the test made the expectation. */
  readonly madeAt: Error;
  /** Set once `toBe` or `toEqual` is called. */
  legend?: Legend;
  compared: boolean;
}

type Compared = readonly (Message | SubscriptionLog)[];

/** Returns helpers that add each expectation to `expectations`. */
function recorded(helpers: RunHelpers, expectations: Expectation[]): RunHelpers {
  const record = (): Expectation => {
    const expectation = { madeAt: new Error(), compared: false };
    expectations.push(expectation);
    return expectation;
  };
  return {
    ...helpers,
    expectObservable: (observable, subscription) => {
      const expectation = record();
      const made = helpers.expectObservable(observable, subscription);
      return {
        toBe: (line, values?: Legend['values'], error?: unknown) => {
          expectation.legend = { values, error };
          made.toBe(line, values, error);
        },
        toEqual: (other) => {
          expectation.legend = {};
          made.toEqual(other);
        },
      };
    },
    expectSubscriptions: (logs) => {
      const expectation = record();
      const made = helpers.expectSubscriptions(logs);
      return {
        toBe: (lines) => {
          expectation.legend = {};
          made.toBe(lines);
        },
      };
    },
  };
}

function diffOf(actual: Compared, expected: Compared, legend: Legend = {}): Diff {
  return [...actual, ...expected].every((compared) => 'subscribedFrame' in compared)
    ? diffOfSubscriptions(actual as readonly SubscriptionLog[], expected as readonly SubscriptionLog[])
    : diffOfNotifications(actual as readonly Message[], expected as readonly Message[], legend);
}

class MarbleError extends Error {
  override readonly name = 'MarbleError';
  readonly expected: string;
  readonly actual: string;

  constructor({ message, expected, actual }: Diff, madeAt: Error | undefined) {
    super(message);
    this.expected = expected;
    this.actual = actual;
    if (madeAt) stackedAt(madeAt, this);
  }
}

/** Gives `error` the stack of the expectation, because the scheduler's own stack does not lead to the test. */
function stackedAt<E extends Error>(madeAt: Error, error: E): E {
  const frames = madeAt.stack?.replace(/^Error.*\n/, '').split('\n') ?? [];
  const ownFrames = 2; // `record` and the helper
  error.stack = [`${error.name}: ${error.message}`, ...frames.slice(ownFrames)].join('\n');
  return error;
}
