import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { describeType } from '../core/assert.ts';
import { isPromiseLike } from '../core/assert.ts';
import {
  type Diff,
  diffOfNotifications,
  diffOfSubscriptions,
  type Given,
  type Message,
  type SubscriptionLog,
} from './marble-diff.ts';
import { equal } from './values.ts';

/**
 * Runs a test on a `TestScheduler` of its own, in virtual time: ten seconds take a millisecond. Call it inside the test of
 * any runner.
 *
 * Throws what `test` throws, and an `Error` where the marbles are not those that were expected: its message shows both
 * lines aligned, and what the letters stand for; its stack begins at the expectation, and `expected` and `actual` are
 * there for runners that draw a diff of their own. Expecting without `toBe` or `toEqual` is an error too.
 *
 * Values are compared deeply. Errors, wherever they are in a value, are compared by class, `name`, `code`, `service` and
 * `message`, and by `cause` where the expected one has a cause: another instance that says the same will do.
 *
 * Promises are never virtual: what is on the other side of one (`fetchJson`, `fakeFetch`) has not come when the test ends.
 * Give services of `cold('--a|')` instead. What never ends is never over either: expect an `interval` with a marble that
 * unsubscribes, such as `'^ 3s !'`.
 *
 * @param test - Is handed RxJS's `RunHelpers`: `cold`, `hot`, `expectObservable`, `expectSubscriptions`, `flush`, `time`.
 * @throws TypeError for what is no function, and where it returns a promise.
 * @remarks RxJS's "Testing RxJS Code with Marble Diagrams" (https://rxjs.dev/guide/testing/marble-testing).
 *
 * @example
 * ```ts
 * import { aggregate, background, DeadlineExceededError, silent, withLogger, withTimeout } from 'forkfast';
 * import { marbles } from 'forkfast/testing';
 *
 * try {
 *   marbles(({ cold, expectObservable, expectSubscriptions }) => {
 *     const orders = cold('2s (o|)');
 *     const dashboard = aggregate({ orders: () => orders }, withTimeout(1_000), withLogger(silent));
 *
 *     const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 1_000 });
 *     expectObservable(dashboard(background)).toBe('1s #', undefined, late); // passes
 *     expectSubscriptions(orders.subscriptions).toBe('^ 1s !'); // one millisecond late
 *   });
 * } catch (error) {
 *   console.log((error as Error).message);
 *   // => The subscriptions are not those that were expected.
 *   //      expected  ^ 1s     !
 *   //      actual    ^ 999ms !
 * }
 * ```
 */
export function marbles(test: (helpers: RunHelpers) => void): void {
  if (typeof test !== 'function') throw new TypeError(`marbles: a test, not ${describeType(test)}`);
  const play: (helpers: RunHelpers) => unknown = test;
  const expectations: Expectation[] = [];
  const scheduler = new TestScheduler((actual: Compared, expected: Compared) => {
    // The scheduler compares in the order in which they were made.
    const expectation = expectations.find(({ given, compared }) => given && !compared);
    if (expectation) expectation.compared = true;
    if (!equal(actual, expected)) throw new MarbleError(diffOf(actual, expected, expectation?.given), expectation?.at);
  });
  scheduler.run((helpers) => {
    const returned = play(watched(helpers, expectations));
    if (!isPromiseLike(returned)) return;
    returned.then(undefined, () => undefined);
    throw new TypeError('marbles: the test returned a promise, and promises are never virtual: await outside of it');
  });
  const forgotten = expectations.find(({ given }) => !given);
  if (forgotten) throw stackedAt(forgotten.at, new Error('marbles: an expectation without toBe or toEqual'));
}

/** What a test expects somewhere. */
interface Expectation {
  /** Whose stack says where. */
  readonly at: Error;
  /** Once `toBe` or `toEqual` has been called. */
  given?: Given;
  compared: boolean;
}

type Compared = readonly (Message | SubscriptionLog)[];

/** The helpers, with a note of each expectation. */
function watched(helpers: RunHelpers, expectations: Expectation[]): RunHelpers {
  const note = (): Expectation => {
    const expectation = { at: new Error(), compared: false };
    expectations.push(expectation);
    return expectation;
  };
  return {
    ...helpers,
    expectObservable: (observable, subscription) => {
      const expectation = note();
      const expecting = helpers.expectObservable(observable, subscription);
      return {
        toBe: (line, values?: Given['values'], error?: unknown) => {
          expectation.given = { values, error };
          expecting.toBe(line, values, error);
        },
        toEqual: (other) => {
          expectation.given = {};
          expecting.toEqual(other);
        },
      };
    },
    expectSubscriptions: (logs) => {
      const expectation = note();
      const expecting = helpers.expectSubscriptions(logs);
      return {
        toBe: (lines) => {
          expectation.given = {};
          expecting.toBe(lines);
        },
      };
    },
  };
}

function diffOf(actual: Compared, expected: Compared, given: Given = {}): Diff {
  return [...actual, ...expected].every((compared) => 'subscribedFrame' in compared)
    ? diffOfSubscriptions(actual as readonly SubscriptionLog[], expected as readonly SubscriptionLog[])
    : diffOfNotifications(actual as readonly Message[], expected as readonly Message[], given);
}

class MarbleError extends Error {
  override readonly name = 'MarbleError';
  readonly expected: string;
  readonly actual: string;

  constructor({ message, expected, actual }: Diff, at: Error | undefined) {
    super(message);
    this.expected = expected;
    this.actual = actual;
    if (at) stackedAt(at, this);
  }
}

/** The stack of the expectation: the scheduler's own leads nowhere. */
function stackedAt<E extends Error>(at: Error, error: E): E {
  const calls = at.stack?.replace(/^Error.*\n/, '').split('\n') ?? [];
  // Without `note` and the helper around it.
  error.stack = [`${error.name}: ${error.message}`, ...calls.slice(2)].join('\n');
  return error;
}
