import { expect } from 'chai';
import { asyncScheduler, catchError, concatMap, defer, forkJoin, map, merge, type Observable, of, timer } from 'rxjs';
import {
  aggregate,
  background,
  type Context,
  perRun,
  type Service,
  ServiceError,
  singleFlight,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

type ById = Service<number, unknown>;

/** The message of the failure of an aggregate of the service, with the input 1. */
function failureOf(service: ById): string {
  let message = 'no failure';
  marbles(({ flush }) => {
    aggregate({ service })(background, 1).subscribe({ error: (error: Error) => (message = error.message) });
    flush();
    expect(asyncScheduler.now()).to.be.below(20);
  });
  return message;
}

/** Calls `next` at once, or after a while. */
const ways: Readonly<Record<string, (next: () => Observable<unknown>) => Observable<unknown>>> = {
  'at once': (next) => next(),
  'after a while': (next) => timer(1).pipe(concatMap(next)),
};

for (const [name, combinator] of Object.entries({ perRun, singleFlight })) {
  describe(`${name}: a call that waits for itself`, () => {
    for (const [when, after] of Object.entries(ways)) {
      it(`errors if it calls itself ${when}`, () => {
        const self: ById = combinator((ctx, id) => after(() => self(ctx, id)));
        expect(failureOf(self)).to.equal(
          `service: ${name}: expected no circle of calls, got ${name}(1) → ${name}(1): let no call wait for itself`,
        );
      });

      it(`errors if it calls another that calls it ${when}, and shows names and keys`, () => {
        const call: ById = (ctx, id) => shared(ctx, id);
        const shared: ById = combinator(function boss(ctx: Context, id: number) {
          return after(() => call(ctx, id === 3 ? 1 : id + 1));
        });
        expect(failureOf(shared)).to.include('got boss(1) → boss(2) → boss(3) → boss(1):');
      });

      it(`errors in both of two calls that have started apart and join each other ${when}`, () => {
        const left: ById = combinator((ctx) => timer(2).pipe(concatMap(() => after(() => right(ctx, 1)))));
        const right: ById = combinator((ctx) => timer(3).pipe(concatMap(() => after(() => left(ctx, 1)))));
        const both = aggregate({
          left: (ctx) => left(ctx, 1).pipe(catchError(({ name }: Error) => of(name))),
          right: (ctx) => right(ctx, 1).pipe(catchError(({ name }: Error) => of(name))),
        });
        const answers: unknown[] = [];
        marbles(({ flush }) => {
          both(background).subscribe((answer) => answers.push(answer));
          flush();
        });
        expect(answers).to.deep.equal([{ left: 'TypeError', right: 'TypeError' }]);
      });

      it(`errors if a copy of its context calls it ${when}, from a nested run or with another signal`, () => {
        const { signal } = new AbortController();
        const copied: ById = combinator((ctx, id) => after(() => copied({ ...ctx, signal }, id)));
        expect(failureOf(copied)).to.include('circle');
        const signalOnly: ById = combinator(({ signal: own }, id) => after(() => signalOnly({ signal: own }, id)));
        expect(failureOf(signalOnly)).to.include('circle');
        const nested: ById = combinator((ctx, id) => after(() => aggregate({ nested })(ctx, id)));
        expect(failureOf(nested)).to.include('circle');
      });
    }

    it('answers if it handles the error', () => {
      const self: ById = combinator((ctx, id) => self(ctx, id).pipe(catchError(() => of('handled'))));
      const answers: unknown[] = [];
      aggregate({ self })(background, 1).subscribe((answer) => answers.push(answer));
      expect(answers).to.deep.equal([{ self: 'handled' }]);
    });

    it('does not harm the next call of its key', () => {
      let closed = true;
      const self: ById = combinator((ctx, id) => (closed ? self(ctx, id) : of('answer')));
      const outcomes: unknown[] = [];
      aggregate({
        first: (ctx: Context) => self(ctx, 1).pipe(catchError(({ name }: Error) => of(name))),
        second: (ctx: Context) => defer(() => self(ctx, ((closed = false), 1))),
      })(background).subscribe((outcome) => outcomes.push(outcome));
      expect(outcomes).to.deep.equal([{ first: 'TypeError', second: 'answer' }]);
    });

    it('shows long keys, names and circles in part', () => {
      const self: Service<string, unknown> = combinator((ctx, id) => self(ctx, id));
      const chain: Service<string, unknown> = combinator((ctx, id) => {
        const next = (Number(id.at(-1)) + 1) % 8;
        return chain(ctx, id.slice(0, -1) + String(next));
      });
      for (const service of [self, chain]) {
        let message = '';
        aggregate({ service })(background, `${'x'.repeat(1e5)}0`).subscribe({
          error: (error: Error) => (message = error.message),
        });
        expect(message).to.include('circle').and.have.property('length').that.is.below(500);
      }
    });

    it('is not found in a diamond', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source = cold('--d|');
        const d: ById = combinator(() => source);
        const b: ById = combinator((ctx, id) => d(ctx, id).pipe(map((value) => `b${String(value)}`)));
        const c: ById = combinator((ctx, id) => d(ctx, id).pipe(map((value) => `c${String(value)}`)));
        const a: ById = combinator((ctx, id) => forkJoin([b(ctx, id), c(ctx, id), d(ctx, id)]));
        const answer = { a: ['bd', 'cd', 'd'], d: 'd' };
        expectObservable(aggregate({ a, d })(background, 1)).toBe('---(r|)', { r: answer });
        expectSubscriptions(source.subscriptions).toBe('^--!');
      });
    });

    it('is not found where calls follow one another', () => {
      const leaf: ById = combinator((_ctx, id) => timer(1).pipe(map(() => id)));
      const inner: ById = combinator((ctx, id) => leaf(ctx, id).pipe(concatMap(() => leaf(ctx, id))));
      const outer: ById = combinator((ctx, id) =>
        inner(ctx, id).pipe(concatMap(() => merge(inner(ctx, id), leaf(ctx, id)))),
      );
      const answers: unknown[] = [];
      marbles(({ flush }) => {
        const page = aggregate({ outer, later: (ctx, id: number) => timer(1).pipe(concatMap(() => inner(ctx, id))) });
        page(background, 1).subscribe((answer) => answers.push(answer));
        flush();
      });
      expect(answers).to.deep.equal([{ outer: 1, later: 1 }]);
    });

    it('is not found after its context has been kept for longer than the call', () => {
      const kept: Context[] = [];
      const service: ById = combinator((ctx, id) => {
        kept.push(ctx);
        return timer(1).pipe(map(() => id));
      });
      const answers: unknown[] = [];
      marbles(({ flush }) => {
        aggregate({ service, later: (_ctx, id: number) => timer(2).pipe(concatMap(() => service(kept[0]!, id))) })(
          background,
          1,
        ).subscribe((answer) => answers.push(answer));
        flush();
      });
      expect(answers).to.deep.equal([{ service: 1, later: 1 }]);
    });
  });
}

describe('a circle of perRun and singleFlight', () => {
  const circles: Readonly<Record<string, ById>> = (() => {
    const account: ById = perRun((ctx, id) => profile(ctx, id));
    const profile: ById = singleFlight((ctx, id) => account(ctx, id));
    const page = aggregate({ nested: (ctx: Context, id: number) => order(ctx, id) });
    const order: ById = singleFlight((ctx, id) => page(ctx, id));
    const user: ById = singleFlight((ctx, id) => aggregate({ orders })(ctx, id));
    const orders: ById = perRun((ctx, id) => user(ctx, id));
    return { account, profile, order, user, orders };
  })();
  for (const [name, service] of Object.entries(circles)) {
    it(`errors from ${name} on`, () => {
      expect(failureOf(service)).to.include('expected no circle of calls, got ');
    });
  }

  it('errors with the TypeError as cause, by identity in all callers', () => {
    const self: ById = singleFlight((ctx, id) => timer(1).pipe(concatMap(() => self(ctx, id))));
    const causes: unknown[] = [];
    marbles(({ flush }) => {
      for (let caller = 0; caller < 2; caller++) {
        aggregate({ self })(background, 1).subscribe({
          error: (error: unknown) => {
            expect(error).to.be.instanceOf(ServiceError);
            causes.push((error as Error).cause);
          },
        });
      }
      flush();
    });
    expect(causes).to.have.length(2);
    expect(causes[0]).to.be.instanceOf(TypeError).and.equal(causes[1]);
  });
});
