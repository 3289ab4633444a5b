import { expect } from 'chai';
import { asyncScheduler, finalize, type Observable, retry, switchMap, tap, throwError, timer } from 'rxjs';
import {
  aggregate,
  background,
  backoff,
  type BackoffConfig,
  BodyTooLargeError,
  CanceledError,
  type Context,
  DeadlineExceededError,
  DecodeError,
  HttpError,
  isTransient,
  NetworkError,
  retryBudget,
  ServiceError,
  silent,
  ValidationError,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const quiet = withLogger(silent);
const url = 'http://api.test/orders';
const down = new NetworkError({ reason: 'no answer', method: 'GET', url });
const boom = new Error('boom');

function http(status: number, given: { method?: string; retryAfter?: number } = {}): HttpError {
  return new HttpError({ status, method: 'GET', url, ...given });
}

const inService = (cause: unknown): ServiceError => new ServiceError({ service: 'orders', elapsed: 1, cause });

describe('backoff', () => {
  describe('waits', () => {
    /** What the `delay` of `retry` does with the `attempt`th failure; a wait is written `10ms (a|)`, no wait `#`. */
    function expectWait(
      expected: string,
      given: { config?: BackoffConfig; ctx?: Context; error?: unknown; attempt?: number } = {},
    ): void {
      const { config = { jitter: 'none' }, ctx = background, error = down, attempt = 1 } = given;
      marbles(({ expectObservable }) => {
        expectObservable(backoff(ctx, config)(error, attempt)).toBe(expected, { a: 0 }, error);
      });
    }

    it('exponentially longer before each attempt of a retry', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('--#', undefined, down);
        const expected = '           78ms #';
        const delay = backoff(background, { initialDelay: 10, jitter: 'none' });
        expectObservable(source.pipe(retry({ count: 3, delay }))).toBe(expected, undefined, down);
        expectSubscriptions(source.subscriptions).toBe(['^-!', '12ms ^-!', '34ms ^-!', '76ms ^-!']);
      });
    });

    it('and goes on with the answer', () => {
      marbles(({ cold, expectObservable }) => {
        let asked = 0;
        const answers = [cold('-#', undefined, down), cold('-#', undefined, http(503)), cold('-a|')];
        const source = timer(0).pipe(switchMap(() => answers[asked++]!));
        const delay = backoff(background, { initialDelay: 2, jitter: 'none' });
        expectObservable(source.pipe(retry({ count: 2, delay }))).toBe('---------a|');
      });
    });

    it('100 ms by default, then twice as long each time, up to 5,000 ms', () => {
      for (const [index, ms] of [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].entries()) {
        expectWait(`${String(ms)}ms (a|)`, { attempt: index + 1 });
      }
    });

    it('by the factor, from the initial delay, up to the longest', () => {
      const config = { initialDelay: 7, factor: 3, maxDelay: 100, jitter: 'none' } as const;
      for (const [index, ms] of [7, 21, 63, 100].entries()) {
        expectWait(`${String(ms)}ms (a|)`, { config, attempt: index + 1 });
      }
      expectWait('7ms (a|)', { config: { ...config, factor: 1 }, attempt: 50 });
      expectWait('3ms (a|)', { config: { ...config, maxDelay: 3 } });
    });

    it('no longer than the longest after any number of attempts', () => {
      for (const attempt of [1_024, 1_025, 1_000_000]) {
        expectWait('5s (a|)', { attempt });
        expectWait('(a|)', { attempt, config: { initialDelay: 0, jitter: 'none' } });
      }
    });

    it('anywhere between 0 and that, with full jitter', () => {
      for (const [random, ms] of [
        [0, [0, 0, 0]],
        [0.5, [50, 100, 200]],
        [0.75, [75, 150, 300]],
      ] as const) {
        for (const [index, wait] of ms.entries()) {
          for (const config of [{ random: () => random }, { jitter: 'full', random: () => random } as const]) {
            expectWait(wait === 0 ? '(a|)' : `${String(wait)}ms (a|)`, { config, attempt: index + 1 });
          }
        }
      }
    });

    it('not all at the same instant, by default', () => {
      marbles(({ flush }) => {
        const ends = new Set<number>();
        for (let asked = 0; asked < 20; asked++) {
          backoff(background)(down, 1).subscribe(() => ends.add(asyncScheduler.now()));
        }
        flush();
        expect(ends.size).to.be.greaterThan(1);
        expect(Math.max(...ends)).to.be.lessThan(100);
      });
    });

    it('as long as Retry-After says, where that is longer, past the longest too', () => {
      expectWait('300ms (a|)', { error: http(503, { retryAfter: 300 }) });
      expectWait('7s (a|)', { error: http(429, { retryAfter: 7_000 }) });
      expectWait('100ms (a|)', { error: http(503, { retryAfter: 99 }) });
      expectWait('100ms (a|)', { error: http(503, { retryAfter: 0 }) });
      expectWait('300ms (a|)', { error: http(503, { retryAfter: 300 }), config: { random: () => 0.5 } });
      expectWait('300ms (a|)', { error: inService(http(503, { retryAfter: 300 })) });
      expectWait('300ms (a|)', { error: inService(inService(http(503, { retryAfter: 300 }))) });
    });
  });

  describe('lets the error go on at once', () => {
    const at = (ctx: Context, error: unknown, config: BackoffConfig = { jitter: 'none' }): string => {
      let outcome = 'errors';
      marbles(({ flush }) => {
        backoff(ctx, config)(error, 1).subscribe({
          next: () => (outcome = `waits ${String(asyncScheduler.now())}`),
          error: (told: unknown) => {
            expect(told).to.equal(error);
            expect(asyncScheduler.now()).to.equal(0);
          },
        });
        flush();
      });
      return outcome;
    };

    it('where it is not transient', () => {
      expect(at(background, http(404))).to.equal('errors');
      expect(at(background, http(503, { method: 'POST' }))).to.equal('errors');
      expect(at(background, boom)).to.equal('errors');
    });

    it('where it is not what was called retryable', () => {
      const config: BackoffConfig = { jitter: 'none', retryable: (error) => error === boom };
      expect(at(background, boom, config)).to.equal('waits 100');
      expect(at(background, down, config)).to.equal('errors');
    });

    it('where the wait would end at or past the deadline, and not a millisecond before', () => {
      expect(at({ deadline: 99 }, down)).to.equal('errors');
      expect(at({ deadline: 100 }, down)).to.equal('errors');
      expect(at({ deadline: 101 }, down)).to.equal('waits 100');
      expect(at({ deadline: Infinity }, down)).to.equal('waits 100');
      expect(at({ deadline: undefined }, down)).to.equal('waits 100');
      expect(at({ deadline: -1 }, down, { initialDelay: 0 })).to.equal('errors');
      expect(at({ deadline: 0 }, down, { initialDelay: 0 })).to.equal('errors');
      expect(at({ deadline: 300 }, http(503, { retryAfter: 299 }))).to.equal('waits 299');
      expect(at({ deadline: 300 }, http(503, { retryAfter: 300 }))).to.equal('errors');
    });

    it('counting from when it failed', () => {
      for (const [deadline, subscriptions, expected] of [
        [12, ['^-!'], '--#'],
        [13, ['^-!', '12ms ^!'], '13ms #'],
      ] as const) {
        marbles(({ cold, expectObservable, expectSubscriptions }) => {
          const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 13 });
          const source = cold('--#', undefined, down);
          const ask = aggregate(
            {
              orders: (ctx) =>
                source.pipe(retry({ delay: backoff(ctx, { initialDelay: 10, factor: 1, jitter: 'none' }) })),
            },
            quiet,
            withTimeout(deadline),
          );
          const error = deadline === 12 ? new ServiceError({ service: 'orders', elapsed: 2, cause: down }) : late;
          expectObservable(ask(background)).toBe(expected, undefined, error);
          expectSubscriptions(source.subscriptions).toBe([...subscriptions]);
        });
      }
    });

    it('where no timer can wait so long', () => {
      expect(at(background, http(503, { retryAfter: 2 ** 31 - 1 }))).to.equal(`waits ${String(2 ** 31 - 1)}`);
      expect(at(background, http(503, { retryAfter: 2 ** 31 }))).to.equal('errors');
      expect(at(background, http(503, { retryAfter: Infinity }))).to.equal('errors');
      expect(at(background, http(503, { retryAfter: NaN }))).to.equal('errors');
      expect(at(background, down, { random: () => NaN })).to.equal('errors');
    });

    it('where the budget is used up', () => {
      const config: BackoffConfig = { jitter: 'none', budget: retryBudget({ ratio: 0, min: 1 }) };
      expect(at(background, down, config)).to.equal('waits 100');
      expect(at(background, down, config)).to.equal('errors');
    });

    it('without using the budget up for what is not asked again', () => {
      const budget = retryBudget({ ratio: 0, min: 1 });
      expect(at(background, boom, { budget })).to.equal('errors');
      expect(at({ deadline: 10 }, down, { budget, jitter: 'none' })).to.equal('errors');
      expect(at(background, down, { budget, jitter: 'none' })).to.equal('waits 100');
    });
  });

  describe('ends its wait in the same frame', () => {
    /** Fails, and writes down when each wait began and ended. */
    function waiting(ctx: Context, log: string[]): Observable<never> {
      const wait = backoff(ctx, { initialDelay: 10, jitter: 'none' });
      const note = (what: string): number => log.push(`${what} ${String(asyncScheduler.now())}`);
      return throwError(() => {
        note('asked');
        return down;
      }).pipe(retry({ delay: (error, attempt) => wait(error, attempt).pipe(finalize(() => note('ended'))) }));
    }

    it('on unsubscribing', () => {
      const log: string[] = [];
      marbles(({ expectObservable, flush }) => {
        expectObservable(waiting(background, log), '15ms !').toBe('');
        flush();
      });
      expect(log).to.deep.equal(['asked 0', 'ended 10', 'asked 10', 'ended 15']);
    });

    it('on the failure of a sibling, and is not woken by the end of the run', () => {
      const log: string[] = [];
      marbles(({ cold, expectObservable, flush }) => {
        const sibling = cold<number>('-----#', undefined, boom);
        const ask = aggregate({ orders: (ctx) => waiting(ctx, log), sibling: () => sibling }, quiet);
        const failed = new ServiceError({ service: 'sibling', elapsed: 5, cause: boom });
        expectObservable(ask(background)).toBe('-----#', undefined, failed);
        flush();
      });
      expect(log).to.deep.equal(['asked 0', 'ended 5']);
    });

    it('when the signal aborts, with the very reason', () => {
      const log: string[] = [];
      const controller = new AbortController();
      marbles(({ expectObservable, flush }) => {
        timer(5).subscribe(() => {
          controller.abort('bye');
        });
        const ask = waiting({ signal: controller.signal }, log).pipe(
          tap({
            error: (error: unknown) => {
              expect(error).to.be.instanceOf(CanceledError).and.have.property('cause', 'bye');
            },
          }),
        );
        expectObservable(ask).toBe('-----#', undefined, new CanceledError({ cause: 'bye' }));
        flush();
      });
      expect(log).to.deep.equal(['asked 0', 'ended 5']);
    });

    it('and does not begin it where the signal has aborted', () => {
      marbles(({ expectObservable }) => {
        const wait = backoff({ signal: AbortSignal.abort('bye') })(down, 1);
        expectObservable(wait).toBe('#', undefined, new CanceledError({ cause: 'bye' }));
      });
    });

    it('and leaves no listener on the signal', () => {
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

  it('passes on what `retryable` throws', () => {
    const retryable = (): never => {
      throw boom;
    };
    marbles(({ cold, expectObservable }) => {
      const source = cold('-#', undefined, down).pipe(retry({ delay: backoff(background, { retryable }) }));
      expectObservable(source).toBe('-#', undefined, boom);
    });
  });

  describe('refuses where it is written', () => {
    const wrong: [unknown, typeof RangeError | typeof TypeError, string][] = [
      [{ initialDelay: -1 }, RangeError, 'backoff: initialDelay: expected at least 0 and below 2^31, got -1'],
      [{ initialDelay: NaN }, RangeError, 'initialDelay'],
      [{ initialDelay: '100' }, RangeError, 'initialDelay'],
      [{ initialDelay: 2 ** 31 }, RangeError, 'initialDelay'],
      [{ factor: 0.9 }, RangeError, 'backoff: factor: expected at least 1 and below 2^31, got 0.9'],
      [{ factor: NaN }, RangeError, 'factor'],
      [{ maxDelay: -1 }, RangeError, 'backoff: maxDelay: expected at least 0 and below 2^31, got -1'],
      [{ maxDelay: Infinity }, RangeError, 'maxDelay'],
      [{ jitter: 'some' }, TypeError, "backoff: jitter is 'full' or 'none', not a string"],
      [{ jitter: ['full'] }, TypeError, 'jitter'],
      [{ jitter: null }, TypeError, 'jitter'],
      [{ random: 0.5 }, TypeError, 'backoff: random must be a function, not 0.5'],
      [{ retryable: true }, TypeError, 'backoff: retryable must be a function, not a boolean'],
      [{ budget: 0.2 }, TypeError, 'backoff: budget is what retryBudget() makes, not 0.2'],
      [{ budget: { ratio: 0.2 } }, TypeError, 'budget'],
    ];
    for (const [config, type, message] of wrong) {
      const [[name, value] = []] = Object.entries(config as object);
      it(`${name!}: ${typeof value} ${String(value)}`, () => {
        expect(() => backoff(background, config as BackoffConfig)).to.throw(type, message);
      });
    }

    it('an unsound context', () => {
      expect(() => backoff(undefined as unknown as Context)).to.throw(TypeError, 'pass background');
      expect(() => backoff({ deadline: NaN })).to.throw(RangeError, 'ctx.deadline');
      expect(() => backoff({ signal: new AbortController() } as unknown as Context)).to.throw(TypeError, 'ctx.signal');
    });

    it('nothing that makes sense', () => {
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

describe('isTransient', () => {
  const methods = {
    idempotent: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'],
    not: ['POST', 'PATCH', 'CONNECT'],
  };
  const transient = [408, 425, 429, 500, 502, 503, 504];

  it('is true of no answer to what is idempotent', () => {
    for (const method of methods.idempotent) {
      expect(isTransient(new NetworkError({ reason: 'no answer', method, url })), method).to.equal(true);
    }
    for (const method of methods.not) {
      expect(isTransient(new NetworkError({ reason: 'no answer', method, url })), method).to.equal(false);
    }
  });

  it('is true of seven statuses of what is idempotent, and of no other', () => {
    for (let status = 300; status < 600; status++) {
      for (const method of methods.idempotent) {
        expect(isTransient(http(status, { method })), `${method} ${String(status)}`).to.equal(
          transient.includes(status),
        );
      }
      for (const method of methods.not) {
        expect(isTransient(http(status, { method })), `${method} ${String(status)}`).to.equal(false);
      }
    }
  });

  it('asks the cause of a ServiceError', () => {
    for (const [cause, expected] of [
      [down, true],
      [http(503), true],
      [http(404), false],
      [http(503, { method: 'POST' }), false],
      [boom, false],
    ] as const) {
      expect(isTransient(inService(cause))).to.equal(expected);
      expect(isTransient(inService(inService(cause)))).to.equal(expected);
    }
  });

  it('is false of all else', () => {
    for (const other of [
      boom,
      new Error('wrapped', { cause: down }),
      new CanceledError({ cause: down }),
      new DeadlineExceededError({ pending: [], elapsed: 1, cause: down }),
      new DecodeError({ reason: 'no JSON', status: 503, contentType: null, method: 'GET', url }),
      new BodyTooLargeError({ maxBytes: 1, method: 'GET', url }),
      new ValidationError({ issues: [] }),
      { name: 'NetworkError', method: 'GET' },
      'ECONNRESET',
      undefined,
      null,
    ]) {
      expect(isTransient(other)).to.equal(false);
    }
  });
});
