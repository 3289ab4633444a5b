import { expect } from 'chai';
import {
  asyncScheduler,
  catchError,
  defer,
  NEVER,
  type Observable,
  of,
  Subject,
  switchMap,
  timeout,
  timer,
} from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  background,
  type Context,
  lastGood,
  optional,
  perRun,
  type Service,
  singleFlight,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

type Waiter = (flight: Service<void, string>) => Observable<unknown>;

const within20 = withTimeout(20);

/** A service whose first call is lost, and how often it was called. */
function lost(): { readonly service: Service<void, string>; readonly calls: () => number } {
  let calls = 0;
  return { service: () => (++calls === 1 ? NEVER : of(`call ${String(calls)}`)), calls: () => calls };
}

/** Subscribes at a virtual time, and unsubscribes at another one. */
function between(source: Observable<unknown>, start: number, end = Infinity): void {
  asyncScheduler.schedule(() => {
    const subscription = source.subscribe({ error: () => undefined });
    if (end === Infinity) return;
    asyncScheduler.schedule(() => {
      subscription.unsubscribe();
    }, end - start);
  }, start);
}

/** A context whose signal aborts after 20 ms of virtual time. */
function abortedWith(reason: unknown): Context {
  const controller = new AbortController();
  asyncScheduler.schedule(() => {
    controller.abort(reason);
  }, 20);
  return { signal: controller.signal };
}

/** How often a lost service is called for a caller at 1 ms, who stays, the waiter, and a later caller. */
function callsWith(waiter: Waiter, later: number, start = 0, end = Infinity): number {
  const { service, calls } = lost();
  const flight = singleFlight(service);
  marbles(({ flush }) => {
    between(
      defer(() => waiter(flight)),
      start,
      end,
    );
    between(flight(background), 1);
    between(flight(background), later);
    flush();
  });
  return calls();
}

describe('a shared call that never answers', () => {
  const waiters: Readonly<Record<string, Waiter>> = {
    'at the timeout of its aggregate': (a) => aggregate({ a }, within20)(background),
    'at the timeout of its aggregateEach': (a) => aggregateEach(a, within20)(background, [undefined]),
    'at the timeout of its aggregateLatest': (a) => aggregateLatest({ a }, within20)(background),
    'at the timeout of its aggregateLatest, which goes on without it': (a) =>
      aggregateLatest({ a: optional(a) }, within20)(background),
    'at the timeout of an aggregateLatest around its own, which goes on without it': (a) =>
      aggregateLatest({ b: optional(aggregate({ a })) }, within20)(background),
    'at the timeout of its aggregateLatest, which goes on with the last good answer': (a) => {
      let calls = 0;
      const service = lastGood((ctx) => (++calls === 1 ? of('good') : a(ctx)), { maxAge: 99 });
      service(background).subscribe();
      return aggregateLatest({ service }, within20)(background);
    },
    'at the timeout of an aggregate around its own': (a) => aggregate({ b: aggregate({ a }) }, within20)(background),
    'at the timeout of a nested aggregate': (a) => {
      const b = aggregate({ a }, within20);
      return aggregate({ b: (ctx) => b(ctx).pipe(catchError(() => of(0))), c: () => timer(90) })(background);
    },
    'at the deadline of its context': (a) => aggregate({ a })({ deadline: 20 }),
    'at a deadline that it enforces by itself': (a) => a({ deadline: 20 }).pipe(timeout({ first: new Date(20) })),
    'when its signal times out': (a) => a(abortedWith(new DOMException('late', 'TimeoutError'))),
    'when the signal of its run times out': (a) => aggregate({ a })(abortedWith(new DOMException('', 'TimeoutError'))),
    'never, although its deadline has passed': (a) => a({ deadline: 20 }),
    'at its timeout, as a caller of another shared call': (a) => {
      const outer = singleFlight((ctx) => a(ctx));
      between(outer(background), 2);
      return aggregate({ outer }, within20)(background);
    },
    'at its timeout, as the only caller of another shared call': (a) =>
      aggregate({ outer: singleFlight((ctx) => a(ctx)) }, within20)(background),
  };
  for (const [when, waiter] of Object.entries(waiters)) {
    it(`is not joined after a caller has left ${when}`, () => {
      expect(callsWith(waiter, 30)).to.equal(2);
    });
  }

  const others: Readonly<Record<string, readonly [Waiter, number?, number?]>> = {
    'before its deadline': [(a) => a({ deadline: 50 }), 0, 20],
    'because its sibling has failed': [
      (a) => aggregate({ a, b: () => timer(20).pipe(timeout(5)) }, withTimeout(50))(background),
    ],
    'because its signal has aborted': [(a) => a(abortedWith('bye'))],
    'because its signal has aborted with an odd reason': [(a) => a(abortedWith(Proxy.revocable({}, {}).proxy))],
    'that came after its deadline': [(a) => a({ deadline: 20 }), 25, 28],
  };
  for (const [how, [waiter, start, end]] of Object.entries(others)) {
    it(`is joined after a caller has left ${how}`, () => {
      for (const later of [30, 99]) expect(callsWith(waiter, later, start, end)).to.equal(1);
    });
  }

  it('keeps its callers, whose answer replaces no later call', () => {
    marbles(({ cold, expectObservable }) => {
      const sources = [cold('-----a|'), cold('------b|')];
      const flight = singleFlight(() => sources.shift() ?? NEVER);
      expectObservable(aggregate({ flight }, withTimeout(2))(background).pipe(catchError(() => of('late')))).toBe(
        '--(l|)',
        {
          l: 'late',
        },
      );
      expectObservable(flight(background), '-^').toBe('      ------(a|)');
      expectObservable(flight(background), '---^').toBe('    ----------(b|)');
      expectObservable(flight(background), '-------^').toBe('----------(b|)');
    });
  });

  it('harms none of its later callers, while callers overlap', () => {
    const { service } = lost();
    const page = aggregate({ a: singleFlight(service) }, withTimeout(100));
    const outcomes: unknown[] = [];
    marbles(({ flush }) => {
      for (let start = 0; start < 600; start += 40) {
        asyncScheduler.schedule(() => {
          page(background).subscribe({
            next: ({ a }) => outcomes.push(a),
            error: ({ code }: { code: string }) => outcomes.push(code),
          });
        }, start);
      }
      flush();
    });
    expect(outcomes.filter((outcome) => outcome === 'ERR_DEADLINE_EXCEEDED')).to.have.length(3);
    expect(outcomes).to.have.length(15);
  });

  it('of perRun is not joined after a nested run has timed out', () => {
    marbles(({ expectObservable }) => {
      const { service } = lost();
      const account = perRun(service);
      const nested = aggregate({ account }, withTimeout(2));
      const page = aggregate({
        first: (ctx) => nested(ctx).pipe(catchError(() => of('none'))),
        waits: (ctx) =>
          account(ctx).pipe(
            timeout(9),
            catchError(() => of('nothing')),
          ),
        second: (ctx) => timer(3).pipe(switchMap(() => account(ctx))),
        third: (ctx) => timer(4).pipe(switchMap(() => account(ctx))),
      });
      const answer = { first: 'none', waits: 'nothing', second: 'call 2', third: 'call 2' };
      expectObservable(page(background)).toBe('---------(r|)', { r: answer });
    });
  });

  it('of perRun is joined if it has answered, whoever has timed out before', () => {
    let calls = 0;
    const answer = new Subject<number>();
    const account = perRun(() => {
      calls++;
      return answer;
    });
    marbles(({ flush }) => {
      const nested = aggregate({ account }, withTimeout(2));
      const page = aggregate({
        first: (ctx) => nested(ctx).pipe(catchError(() => of(0))),
        waits: account,
        later: (ctx) => timer(9).pipe(switchMap(() => account(ctx))),
      });
      page(background).subscribe();
      asyncScheduler.schedule(() => {
        answer.next(1);
        answer.complete();
      }, 5);
      flush();
    });
    expect(calls).to.equal(1);
  });
});
