import { expect } from 'chai';
import { asyncScheduler, defer, finalize, type Observable, retry, switchMap, tap, throwError, timer } from 'rxjs';
import {
  aggregate,
  background,
  backoff,
  type BackoffConfig,
  CanceledError,
  type Context,
  DeadlineExceededError,
  HttpError,
  NetworkError,
  retryBudget,
  ServiceError,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const url = 'http://api.test/orders';
const down = new NetworkError({ reason: 'no answer', method: 'GET', url });
const boom = new Error('boom');

function http(status: number, given: { method?: string; retryAfter?: number } = {}): HttpError {
  return new HttpError({ status, method: 'GET', url, ...given });
}

const inService = (cause: unknown): ServiceError => new ServiceError({ service: 'orders', elapsed: 1, cause });

interface Given {
  readonly config?: BackoffConfig;
  readonly ctx?: Context;
  readonly error?: unknown;
  readonly attempt?: number;
}

/** The milliseconds that `backoff` waits before it emits, or `'no retry'` if it errors at once with the error of the attempt. */
function waitOf({ config = { jitter: 'none' }, ctx = background, error = down, attempt = 1 }: Given = {}): unknown {
  const log: unknown[] = [];
  marbles(({ flush }) => {
    backoff(ctx, config)(error, attempt).subscribe({
      next: () => log.push(asyncScheduler.now()),
      error: (given: unknown) => log.push(given === error && asyncScheduler.now() === 0 ? 'no retry' : given),
      complete: () => log.push('completed'),
    });
    flush();
  });
  return log.length === 2 && log[1] === 'completed' ? log[0] : log.length === 1 ? log[0] : log;
}

describe('backoff', () => {
  describe('in a retry', () => {
    it('waits exponentially longer before each attempt', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('--#', undefined, down);
        const expected = '           78ms #';
        const delay = backoff(background, { initialDelay: 10, jitter: 'none' });
        expectObservable(source.pipe(retry({ count: 3, delay }))).toBe(expected, undefined, down);
        expectSubscriptions(source.subscriptions).toBe(['^-!', '12ms ^-!', '34ms ^-!', '76ms ^-!']);
      });
    });

    it('lets a later attempt answer', () => {
      marbles(({ cold, expectObservable }) => {
        const attempts = [cold('-#', undefined, down), cold('-#', undefined, http(503)), cold('-a|')];
        const source = timer(0).pipe(switchMap(() => attempts.shift()!));
        const delay = backoff(background, { initialDelay: 2, jitter: 'none' });
        expectObservable(source.pipe(retry({ count: 2, delay }))).toBe('---------a|');
      });
    });

    it('passes on an error that `retryable` throws', () => {
      const retryable = (): never => {
        throw boom;
      };
      marbles(({ cold, expectObservable }) => {
        const source = cold('-#', undefined, down).pipe(retry({ delay: backoff(background, { retryable }) }));
        expectObservable(source).toBe('-#', undefined, boom);
      });
    });
  });

  describe('waits', () => {
    const config = { initialDelay: 7, factor: 3, maxDelay: 100, jitter: 'none' } as const;
    const half: BackoffConfig = { random: () => 0.5 };
    const waits: readonly (readonly [title: string, Given, waits: readonly number[]])[] = [
      ['100 ms, then twice as long each time, up to 5,000 ms', {}, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]],
      ['from initialDelay, by the factor, up to maxDelay', { config }, [7, 21, 63, 100]],
      ['always as long, with a factor of 1', { config: { ...config, factor: 1 } }, [7, 7, 7]],
      ['no longer than a maxDelay below initialDelay', { config: { ...config, maxDelay: 3 } }, [3, 3]],
      ['not at all, if the random number is 0', { config: { random: () => 0 } }, [0, 0, 0]],
      ['half as long, if the random number is 0.5', { config: half }, [50, 100, 200]],
      ["the same with jitter 'full'", { config: { ...half, jitter: 'full' } }, [50, 100, 200]],
      ['three quarters, if the random number is 0.75', { config: { random: () => 0.75 } }, [75, 150, 300]],
      ['as long as Retry-After, if that is longer', { error: http(503, { retryAfter: 300 }) }, [300, 300, 400]],
      ['as long as a Retry-After above maxDelay', { error: http(429, { retryAfter: 7_000 }) }, [7_000]],
      ['no shorter than without Retry-After', { error: http(503, { retryAfter: 99 }) }, [100]],
      ['as usual, if Retry-After is 0', { error: http(503, { retryAfter: 0 }) }, [100]],
      ['all of Retry-After, with jitter', { error: http(503, { retryAfter: 300 }), config: half }, [300]],
      ['for the Retry-After of a service', { error: inService(http(503, { retryAfter: 300 })) }, [300]],
      ['for that of a nested service', { error: inService(inService(http(503, { retryAfter: 300 }))) }, [300]],
    ];
    for (const [title, given, expected] of waits) {
      it(title, () => {
        expect(expected.map((_, index) => waitOf({ ...given, attempt: index + 1 }))).to.deep.equal(expected);
      });
    }

    it('no longer than maxDelay after any number of attempts', () => {
      for (const attempt of [1_024, 1_025, 1_000_000]) {
        expect(waitOf({ attempt })).to.equal(5_000);
        expect(waitOf({ attempt, config: { initialDelay: 0, jitter: 'none' } })).to.equal(0);
      }
    });

    it('for different times by default, so that callers do not retry together', () => {
      const waits = Array.from({ length: 20 }, () => waitOf({ config: {} }) as number);
      expect(new Set(waits).size).to.be.greaterThan(1);
      expect(Math.max(...waits)).to.be.lessThan(100);
    });
  });

  describe('does not retry', () => {
    const onlyBoom: BackoffConfig = { jitter: 'none', retryable: (error) => error === boom };
    const atOnce: BackoffConfig = { initialDelay: 0 };
    const cases: readonly (readonly [title: string, Given, expected: number | 'no retry'])[] = [
      ['a status that is not transient', { error: http(404) }, 'no retry'],
      ['a method that is not idempotent', { error: http(503, { method: 'POST' }) }, 'no retry'],
      ['a foreign error', { error: boom }, 'no retry'],
      ['an error that is not `retryable`', { config: onlyBoom }, 'no retry'],
      ['… but an error that is `retryable`', { config: onlyBoom, error: boom }, 100],
      ['if the wait would end after the deadline', { ctx: { deadline: 99 } }, 'no retry'],
      ['if the wait would end at the deadline', { ctx: { deadline: 100 } }, 'no retry'],
      ['… but a millisecond before the deadline', { ctx: { deadline: 101 } }, 100],
      ['… but without a deadline', { ctx: { deadline: undefined } }, 100],
      ['… but with an infinite deadline', { ctx: { deadline: Infinity } }, 100],
      ['after the deadline', { ctx: { deadline: -1 }, config: atOnce }, 'no retry'],
      ['at the deadline', { ctx: { deadline: 0 }, config: atOnce }, 'no retry'],
      [
        'if Retry-After ends at the deadline',
        { ctx: { deadline: 300 }, error: http(503, { retryAfter: 300 }) },
        'no retry',
      ],
      ['… but before it', { ctx: { deadline: 300 }, error: http(503, { retryAfter: 299 }) }, 299],
      ['if no timer can wait that long', { error: http(503, { retryAfter: 2 ** 31 }) }, 'no retry'],
      ['… but if a timer can', { error: http(503, { retryAfter: 2 ** 31 - 1 }) }, 2 ** 31 - 1],
      ['for an infinite Retry-After', { error: http(503, { retryAfter: Infinity }) }, 'no retry'],
      ['for a Retry-After of NaN', { error: http(503, { retryAfter: NaN }) }, 'no retry'],
      ['for a random number of NaN', { config: { random: () => NaN } }, 'no retry'],
    ];
    for (const [title, given, expected] of cases) {
      it(title, () => {
        expect(waitOf(given)).to.equal(expected);
      });
    }

    for (const [deadline, subscriptions, expected, error] of [
      [12, ['^-!'], '--#', new ServiceError({ service: 'orders', elapsed: 2, cause: down })],
      [13, ['^-!', '12ms ^!'], '13ms #', new DeadlineExceededError({ pending: ['orders'], elapsed: 13 })],
    ] as const) {
      it(`past a timeout of ${String(deadline)} ms, counted from the failure`, () => {
        marbles(({ cold, expectObservable, expectSubscriptions }) => {
          const source = cold('--#', undefined, down);
          const config = { initialDelay: 10, factor: 1, jitter: 'none' } as const;
          const page = aggregate(
            { orders: (ctx) => source.pipe(retry({ delay: backoff(ctx, config) })) },
            withTimeout(deadline),
          );
          expectObservable(page(background)).toBe(expected, undefined, error);
          expectSubscriptions(source.subscriptions).toBe([...subscriptions]);
        });
      });
    }

    it('if the budget is used up, which only retries use', () => {
      const config: BackoffConfig = { jitter: 'none', budget: retryBudget({ ratio: 0, min: 1 }) };
      expect(waitOf({ config, error: boom })).to.equal('no retry');
      expect(waitOf({ config, ctx: { deadline: 10 } })).to.equal('no retry');
      expect(waitOf({ config })).to.equal(100);
      expect(waitOf({ config })).to.equal('no retry');
    });
  });

  it('counts a first attempt for each subscriber that fails, also where many share one Observable', () => {
    marbles(({ flush }) => {
      const budget = retryBudget({ ratio: 1, min: 0 });
      const delay = backoff(background, { jitter: 'none', budget });
      let calls = 0;
      const shared = defer(() => {
        calls++;
        return throwError(() => down);
      }).pipe(retry({ count: 1, delay }));
      for (let index = 0; index < 100; index++) shared.subscribe({ error: () => undefined });
      flush();
      expect(calls).to.equal(200);
      expect(budget.tryAcquire()).to.equal(false);
    });
  });

  describe('ends its wait in the same frame', () => {
    /** Fails at each attempt, and logs when an attempt starts and when a wait ends. */
    function failing(ctx: Context, log: string[]): Observable<never> {
      const delay = backoff(ctx, { initialDelay: 10, jitter: 'none' });
      const note = (what: string): number => log.push(`${what} ${String(asyncScheduler.now())}`);
      return throwError(() => {
        note('attempt');
        return down;
      }).pipe(retry({ delay: (error, attempt) => delay(error, attempt).pipe(finalize(() => note('waited until'))) }));
    }

    it('when it is unsubscribed', () => {
      const log: string[] = [];
      marbles(({ expectObservable }) => {
        expectObservable(failing(background, log), '15ms !').toBe('');
      });
      expect(log).to.deep.equal(['attempt 0', 'waited until 10', 'attempt 10', 'waited until 15']);
    });

    it('when a sibling fails, and starts no attempt', () => {
      const log: string[] = [];
      marbles(({ cold, expectObservable }) => {
        const sibling = cold<number>('-----#', undefined, boom);
        const page = aggregate({ orders: (ctx) => failing(ctx, log), sibling: () => sibling });
        const error = new ServiceError({ service: 'sibling', elapsed: 5, cause: boom });
        expectObservable(page(background)).toBe('-----#', undefined, error);
      });
      expect(log).to.deep.equal(['attempt 0', 'waited until 5']);
    });

    it('when the signal aborts, with the reason of the signal', () => {
      const log: string[] = [];
      const errors: unknown[] = [];
      const controller = new AbortController();
      const reason = { left: true };
      marbles(({ expectObservable }) => {
        timer(5).subscribe(() => {
          controller.abort(reason);
        });
        const answer = failing({ signal: controller.signal }, log).pipe(
          tap({ error: (error: unknown) => errors.push(error) }),
        );
        expectObservable(answer).toBe('-----#', undefined, new CanceledError({ cause: reason }));
      });
      expect(errors[0]).to.have.property('cause', reason);
      expect(log).to.deep.equal(['attempt 0', 'waited until 5']);
    });

    it('when the signal has already aborted', () => {
      marbles(({ expectObservable }) => {
        const wait = backoff({ signal: AbortSignal.abort('bye') })(down, 1);
        expectObservable(wait).toBe('#', undefined, new CanceledError({ cause: 'bye' }));
      });
    });

    it('and removes its listener from the signal', () => {
      const { signal } = new AbortController();
      let listeners = 0;
      const { addEventListener, removeEventListener } = signal;
      signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
        listeners++;
        addEventListener.apply(signal, given);
      };
      signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
        listeners--;
        removeEventListener.apply(signal, given);
      };
      marbles(({ flush }) => {
        backoff({ signal })(down, 1).subscribe();
        expect(listeners).to.equal(1);
        flush();
        expect(listeners).to.equal(0);
        backoff({ signal })(down, 1).subscribe().unsubscribe();
        expect(listeners).to.equal(0);
      });
    });
  });

  describe('throws for', () => {
    const timerMs = (min: number, got: string): string => `expected at least ${String(min)} and below 2^31, got ${got}`;
    const wrong: [config: object, RangeErrorConstructor | TypeErrorConstructor, message: string][] = [
      [{ initialDelay: -1 }, RangeError, `backoff: initialDelay: ${timerMs(0, '-1')}`],
      [{ initialDelay: NaN }, RangeError, `backoff: initialDelay: ${timerMs(0, 'NaN')}`],
      [{ initialDelay: '100' }, RangeError, `backoff: initialDelay: ${timerMs(0, 'a string')}`],
      [{ initialDelay: 2 ** 31 }, RangeError, `backoff: initialDelay: ${timerMs(0, '2147483648')}`],
      [{ factor: 0.9 }, RangeError, `backoff: factor: ${timerMs(1, '0.9')}`],
      [{ factor: NaN }, RangeError, `backoff: factor: ${timerMs(1, 'NaN')}`],
      [{ maxDelay: -1 }, RangeError, `backoff: maxDelay: ${timerMs(0, '-1')}`],
      [{ maxDelay: Infinity }, RangeError, `backoff: maxDelay: ${timerMs(0, 'Infinity')}`],
      [{ jitter: 'some' }, TypeError, "backoff: jitter: expected 'full' or 'none', got a string"],
      [{ jitter: ['full'] }, TypeError, "backoff: jitter: expected 'full' or 'none', got an instance of Array"],
      [{ jitter: null }, TypeError, "backoff: jitter: expected 'full' or 'none', got null"],
      [{ random: 0.5 }, TypeError, 'backoff: random: expected a function, got 0.5'],
      [{ retryable: true }, TypeError, 'backoff: retryable: expected a function, got a boolean'],
      [{ budget: 0.2 }, TypeError, 'backoff: budget: expected a RetryBudget, got 0.2: make one with retryBudget()'],
      [{ budget: { ratio: 0.2 } }, TypeError, 'backoff: budget: expected a RetryBudget, got an instance of Object'],
    ];
    for (const [config, type, message] of wrong) {
      const [[name, value] = []] = Object.entries(config);
      it(`${name!}: ${typeof value} ${String(value)}`, () => {
        expect(() => backoff(background, config)).to.throw(type, message);
      });
    }

    it('an invalid context', () => {
      expect(() => backoff(undefined as unknown as Context)).to.throw(TypeError, 'background');
      expect(() => backoff({ deadline: NaN })).to.throw(RangeError, 'ctx.deadline');
      expect(() => backoff({ signal: new AbortController() } as unknown as Context)).to.throw(TypeError, 'ctx.signal');
    });

    it('no valid config', () => {
      for (const config of [
        {},
        { initialDelay: 0, maxDelay: 0, factor: 1 },
        { initialDelay: 2 ** 31 - 1, maxDelay: 2 ** 31 - 1 },
        { random: Math.random, retryable: () => true, budget: retryBudget() },
      ]) {
        expect(() => backoff(background, config)).not.to.throw();
      }
    });
  });
});
