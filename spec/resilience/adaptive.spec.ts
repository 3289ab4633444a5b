import { expect } from 'chai';
import { asyncScheduler, defer, EMPTY, first, NEVER, of, throwError, timer } from 'rxjs';
import { map, mergeMap, type Observable, range, repeat, startWith, timeout } from 'rxjs';
import { adaptive, type AdaptiveLimit, bulkhead, CanceledError, HttpError } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { seeded } from '../support/latencies.ts';
import { ModelUpstream } from '../support/model-upstream.ts';

const unavailable = (method = 'GET'): HttpError => new HttpError({ status: 503, method, url: 'http://a.test/' });
const rejects = (error: unknown, after = 5): Observable<never> =>
  timer(after).pipe(
    map(() => {
      throw error;
    }),
  );

/** Keeps `callers` calls in line until `calls` have ended, and returns the limit at the end. */
function limitAfter(
  limit: AdaptiveLimit,
  call: (index: number) => Observable<unknown>,
  { calls = 500, callers = 50 } = {},
): number {
  marbles(({ flush }) => {
    const limited = bulkhead(limit);
    let index = 0;
    const next = (): void => {
      if (index++ >= calls) return;
      const subscription = call(index)
        .pipe(limited)
        .subscribe({ error: () => undefined });
      subscription.add(() => asyncScheduler.schedule(next));
    };
    for (let caller = 0; caller < callers; caller++) next();
    flush();
  });
  return limit.current;
}

describe('adaptive', () => {
  it('starts at min, grows while all places are taken and calls stay fast, and stops at max', () => {
    const limit = adaptive({ min: 2, max: 30 });
    expect(limit.current).to.equal(2);
    expect(limitAfter(limit, () => timer(10), { calls: 10 })).to.be.within(3, 29);
    expect(limitAfter(limit, () => timer(10), { calls: 2_000 })).to.equal(30);
  });

  it('does not grow while places are free', () => {
    const limit = adaptive({ min: 4, max: 30 });
    expect(limitAfter(limit, () => timer(10), { callers: 3 })).to.equal(4);
  });

  const signs: Readonly<Record<string, () => Observable<unknown>>> = {
    'fail with 503': () => rejects(unavailable()),
    'fail with 503 for POST': () => rejects(unavailable('POST')),
    'time out': () => NEVER.pipe(timeout(20)),
    'are aborted by AbortSignal.timeout': () =>
      rejects(new CanceledError({ cause: new DOMException('late', 'TimeoutError') })),
    'are unsubscribed at their deadline': () => NEVER,
  };
  for (const [sign, call] of Object.entries(signs)) {
    it(`falls to min when all calls ${sign}, and grows again`, () => {
      const limit = adaptive({ min: 1, max: 100 });
      expect(limitAfter(limit, () => timer(10), { callers: 200, calls: 1_000 })).to.be.greaterThan(30);
      callWithDeadline(limit, call);
      expect(limit.current).to.equal(1);
      expect(limitAfter(limit, () => timer(10), { calls: 1_000 })).to.be.greaterThan(10);
    });
  }

  /** Starts calls that are unsubscribed at their deadline, as a run does. */
  function callWithDeadline(limit: AdaptiveLimit, call: () => Observable<unknown>): void {
    marbles(({ flush }) => {
      const limited = bulkhead(limit);
      for (let index = 0; index < 500; index++) {
        asyncScheduler.schedule(() => {
          const deadline = asyncScheduler.now() + 30;
          const subscription = call()
            .pipe(limited.for({ deadline }))
            .subscribe({ error: () => undefined });
          asyncScheduler.schedule(() => {
            subscription.unsubscribe();
          }, 30);
        }, index * 10);
      }
      flush();
    });
  }

  const others: Readonly<Record<string, () => Observable<unknown>>> = {
    'are unsubscribed before their deadline': () => NEVER,
    'fail for another reason': () => rejects(new HttpError({ status: 404, method: 'GET', url: 'http://a.test/' }), 29),
    'fail with a canceled context': () => rejects(new CanceledError({ cause: 'user left' }), 29),
  };
  for (const [how, call] of Object.entries(others)) {
    it(`learns nothing of calls that ${how}`, () => {
      const limit = adaptive({ min: 1, max: 100 });
      const before = limitAfter(limit, () => timer(10), { callers: 200, calls: 500 });
      marbles(({ flush }) => {
        const limited = bulkhead(limit);
        for (let index = 0; index < 500; index++) {
          const subscription = call()
            .pipe(limited)
            .subscribe({ error: () => undefined });
          asyncScheduler.schedule(() => {
            subscription.unsubscribe();
          }, 30);
        }
        flush();
      });
      expect(limit.current).to.equal(before);
    });
  }

  it('counts a call as answered when its subscriber takes the first value and unsubscribes', () => {
    const limit = adaptive({ max: 100 });
    marbles(({ flush }) => {
      const limited = bulkhead(limit);
      range(500)
        .pipe(mergeMap(() => NEVER.pipe(startWith(1), limited, first())))
        .subscribe();
      range(500)
        .pipe(
          mergeMap(() =>
            timer(5).pipe(
              mergeMap(() => NEVER.pipe(startWith(1))),
              limited,
              first(),
            ),
          ),
        )
        .subscribe();
      flush();
    });
    expect(limit.current).to.be.greaterThan(10);
  });

  it('calls `overloaded` for each error, and obeys it', () => {
    const limit = adaptive({ max: 100, overloaded: (error) => error === 'busy' });
    limitAfter(limit, () => timer(10), { callers: 200, calls: 1_000 });
    const before = limit.current;
    expect(limitAfter(limit, () => rejects(unavailable(), 10))).to.equal(before);
    expect(limitAfter(limit, () => rejects('busy', 10))).to.equal(1);
  });

  it('falls when more calls only wait longer, to about what the upstream answers without a queue', () => {
    const limits: number[] = [];
    marbles(({ flush }) => {
      const limit = adaptive({ max: 400 });
      const limited = bulkhead(limit);
      const upstream = new ModelUpstream({ workers: 20, serviceTime: () => 20 });
      for (let caller = 0; caller < 200; caller++) upstream.request.pipe(limited, repeat({ count: 40 })).subscribe();
      for (let time = 1_000; time < 5_000; time += 100) {
        asyncScheduler.schedule(() => limits.push(limit.current), time);
      }
      flush();
    });
    expect(Math.max(...limits)).to.be.at.most(60);
    expect(Math.min(...limits)).to.be.at.least(12);
  });

  it('keeps its limit when the upstream itself becomes five times slower', () => {
    const limit = adaptive({ max: 30 });
    const before = limitAfter(limit, () => timer(10), { calls: 2_000 });
    expect(limitAfter(limit, () => timer(50), { calls: 2_000 })).to.equal(before);
  });

  it('keeps a source waiting while more run than a fallen limit allows, and starts it when they have ended', () => {
    marbles(({ flush }) => {
      let current = 3;
      const limit: AdaptiveLimit = {
        get current() {
          return current;
        },
        sourceStarted: () => () => undefined,
      };
      const limited = bulkhead(limit, { queue: 3 });
      const started: number[] = [];
      for (let index = 0; index < 6; index++) {
        defer(() => timer((started.push(index), index + 1)))
          .pipe(limited)
          .subscribe();
      }
      current = 1;
      const errors: unknown[] = [];
      EMPTY.pipe(limited).subscribe({ error: (error: unknown) => errors.push(error) });
      expect(errors).to.have.length(1);
      asyncScheduler.schedule(() => {
        expect(started).to.deep.equal([0, 1, 2]);
      }, 2.5);
      flush();
      expect(started).to.deep.equal([0, 1, 2, 3, 4, 5]);
    });
  });

  it('accepts synchronous sources', () => {
    const limit = adaptive({ max: 10 });
    expect(limitAfter(limit, () => of(1))).to.be.at.least(1);
    expect(limitAfter(limit, () => throwError(() => unavailable()))).to.equal(1);
  });

  for (const [config, message] of [
    [{ min: 0, max: 2 }, 'adaptive: min: expected a positive integer, got 0'],
    [{ max: Infinity }, 'adaptive: max: expected a positive integer, got Infinity'],
    [undefined, 'adaptive: max: expected a positive integer, got undefined'],
    [{}, 'adaptive: max: expected a positive integer, got undefined'],
    [{ min: 3, max: 2 }, 'adaptive: max: expected at least min, which is 3, got 2: pass a larger max'],
    [
      { max: 2, overloaded: true },
      'adaptive: overloaded: expected a function, got a boolean: pass (error) => a boolean',
    ],
  ] as const) {
    it(`throws ${message}`, () => {
      expect(() => adaptive(config as never)).to.throw(message);
    });
  }
});

describe('a bulkhead with an adaptive limit, when the capacity of the upstream halves', () => {
  type Random = () => number;
  const serviceTimes: Readonly<Record<string, (random: Random) => number>> = {
    constant: () => 20,
    exponential: (random) => -20 * Math.log(1 - random()),
    'slow once in twenty times': (random) => (random() < 0.05 ? 145 : 14.5),
  };

  /** Returns the number of answers within 300 ms in 8 seconds, of which the second half has half of the workers. */
  const goodput = (n: number | AdaptiveLimit, serviceTime: (random: Random) => number, seed: number): number => {
    let answers = 0;
    marbles(({ flush }) => {
      const random = seeded(seed);
      const upstream = new ModelUpstream({ workers: 20, serviceTime: () => serviceTime(random) });
      const limited = bulkhead(n, { queue: 50 });
      const arrive = (): void => {
        const arrivedAt = asyncScheduler.now();
        if (arrivedAt >= 8_000) return;
        upstream.request.pipe(limited).subscribe({
          complete: () => {
            if (asyncScheduler.now() <= Math.min(8_000, arrivedAt + 300)) answers++;
          },
          error: () => undefined, // the queue is full
        });
        asyncScheduler.schedule(arrive, -Math.log(1 - random()) / 1.5); // 1.5 times as many as the upstream answers
      };
      asyncScheduler.schedule(arrive);
      asyncScheduler.schedule(() => (upstream.workers = 10), 4_000);
      flush();
    });
    return answers;
  };

  for (const [name, serviceTime] of Object.entries(serviceTimes)) {
    it(`answers at least 90 % of what the best fixed limit answers: service times are ${name}`, () => {
      const fixed = [5, 20, 40, 160].map((n) => goodput(n, serviceTime, 1));
      const own = goodput(adaptive({ max: 400 }), serviceTime, 1);
      expect(own / Math.max(...fixed)).to.be.at.least(0.9);
    });
  }
});
