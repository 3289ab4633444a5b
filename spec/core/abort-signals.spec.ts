import { expect } from 'chai';
import { forkJoin, NEVER, type Observable, of, retry } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  background,
  backoff,
  CanceledError,
  type Context,
  fromAbortable,
  type Service,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { errorOf, notificationsOf } from '../support/failure.ts';
import { boom, fails } from '../support/services.ts';
import { countingController, countListeners } from '../support/signals.ts';

const pending = (): Observable<never> => NEVER;
/** Everything that listens to the signal of its context. */
const listening: Readonly<Record<string, (ctx: Context) => Observable<unknown>>> = {
  aggregate: aggregate({ a: pending, nested: aggregate({ b: pending }) }),
  aggregateEach: (ctx) => aggregateEach(pending)(ctx, [undefined, undefined]),
  aggregateLatest: aggregateLatest({ a: pending }),
  fromAbortable: (ctx) => fromAbortable(ctx, pending),
};

describe('the signal of a caller', () => {
  it('has one DOM listener however many runs share it, and none when the last has ended', () => {
    const { signal, listeners } = countingController();
    const runs = Array.from({ length: 300 }, () =>
      Object.values(listening).map((service) => service({ signal }).subscribe()),
    ).flat();
    expect(listeners()).to.equal(1);
    const last = runs.pop();
    for (const run of runs) run.unsubscribe();
    expect(listeners()).to.equal(1);
    last?.unsubscribe();
    expect(listeners()).to.equal(0);
    listening['aggregate']?.({ signal }).subscribe().unsubscribe();
    expect(listeners()).to.equal(0);
  });

  it('has no listener before a run is subscribed to', () => {
    const { signal, abort, listeners } = countingController();
    const runs = Object.values(listening).map((service) => service({ signal }));
    expect(listeners()).to.equal(0);
    abort('before');
    for (const run of runs) expect(errorOf(run)).to.be.instanceOf(CanceledError).and.have.property('cause', 'before');
    expect(listeners()).to.equal(0);
  });

  for (const [name, service] of Object.entries(listening)) {
    it(`cancels ${name} with the very reason, and has no listener then`, () => {
      for (const reason of [boom, 'the user left', null, 0, { why: 'the user left' }]) {
        const { signal, abort, listeners } = countingController();
        const errors: unknown[] = [];
        service({ signal }).subscribe({ error: (error: unknown) => errors.push(error) });
        abort(reason);
        expect(errors).to.have.length(1);
        expect(errors[0]).to.be.instanceOf(CanceledError).and.have.property('cause', reason);
        expect(listeners()).to.equal(0);
      }
    });

    it(`has no listener of ${name} when its subscriber had ended before`, () => {
      const { signal, listeners } = countingController();
      errorOf(forkJoin([fails(), service({ signal })]));
      expect(listeners()).to.equal(0);
    });

    it(`has no listener of ${name} when the context has another signal by then`, () => {
      const [first, second] = [countingController(), countingController()];
      let { signal } = first;
      const ctx: Context = {
        get signal() {
          return signal;
        },
      };
      const run = service(ctx).subscribe();
      ({ signal } = second);
      run.unsubscribe();
      expect([first.listeners(), second.listeners()]).to.deep.equal([0, 0]);
    });
  }

  it('has no listener after a success, an error and a deadline', () => {
    const { signal, listeners } = countingController();
    marbles(({ flush }) => {
      for (const services of [{ a: () => of(1) }, { fails }, { a: pending }]) {
        aggregate(services, withTimeout(1))({ signal }).subscribe({ error: () => undefined });
        aggregate(services)({ signal, deadline: 0 }).subscribe({ error: () => undefined });
      }
      expect(listeners()).to.equal(1);
      flush();
    });
    expect(listeners()).to.equal(0);
  });

  it('cancels its own runs, and not those of another signal', () => {
    const [first, second] = [countingController(), countingController()];
    const log: string[] = [];
    const run = aggregate({ a: pending });
    run(first).subscribe({ error: () => log.push('first') });
    run(second).subscribe({ error: () => log.push('second') });
    first.abort();
    expect(log).to.deep.equal(['first']);
    expect([first.listeners(), second.listeners()]).to.deep.equal([0, 1]);
    second.abort();
    expect(log).to.deep.equal(['first', 'second']);
  });

  it('cancels its runs in the order in which they started, without those that a handler ends, and with those that it starts', () => {
    const { signal, abort, listeners } = countingController();
    const log: string[] = [];
    const start = (name: string, onError = (): void => undefined) =>
      aggregate({ a: pending })({ signal }).subscribe({
        error: ({ cause }: CanceledError) => {
          log.push(`${name}: ${String(cause)}`);
          onError();
        },
      });
    start('first', () => {
      second.unsubscribe();
      start('late');
    });
    const second = start('second');
    start('third').unsubscribe();
    start('fourth');
    abort('bye');
    expect(log).to.deep.equal(['first: bye', 'late: bye', 'fourth: bye']);
    expect(listeners()).to.equal(0);
  });
});

describe('the signal of a run', () => {
  it('has one DOM listener at most for 1,000 services that listen, and none when they have ended', () => {
    const counts: (() => number)[] = [];
    const service: Service<void, never> = (ctx) => {
      if (counts.length === 0) counts.push(countListeners(ctx.signal!));
      return fromAbortable({ ...ctx }, () => new Promise<never>(() => undefined));
    };
    const run = aggregate(Array.from({ length: 1_000 }, () => service))(background).subscribe();
    expect(counts[0]?.()).to.equal(1);
    run.unsubscribe();
    expect(counts[0]?.()).to.equal(0);
  });

  it('aborts before the code inside forkfast that listens to it, in the order of its listeners', () => {
    const log: string[] = [];
    const run = aggregate({
      a: (ctx) => {
        for (const name of ['first', 'second']) {
          fromAbortable(ctx, pending).subscribe({ error: () => log.push(name) });
        }
        ctx.signal?.addEventListener('abort', () => log.push('signal'));
        return NEVER;
      },
    })(background).subscribe();
    run.unsubscribe();
    expect(log).to.deep.equal(['signal', 'first', 'second']);
  });

  it('has aborted, with the error of the run, when it is read for the first time after the run', () => {
    let kept: Context = background;
    const keep = (ctx: Context): Observable<never> => ((kept = ctx), NEVER);
    const error = errorOf(aggregate({ keep, fails })(background));
    expect(kept.signal).to.include({ aborted: true, reason: error });
    expect(errorOf(fromAbortable(kept, pending)))
      .to.be.instanceOf(CanceledError)
      .and.have.property('cause', error);
  });

  it('is not made when runs nest, retry and follow one another, and no one reads it', () => {
    const own = Object.getOwnPropertyDescriptor(AbortController.prototype, 'signal')!;
    let made = 0;
    Object.defineProperty(AbortController.prototype, 'signal', {
      get(this: AbortController) {
        made++;
        return own.get!.call(this) as AbortSignal;
      },
      configurable: true,
    });
    try {
      const retried = (ctx: Context): Observable<number> => of(1).pipe(retry({ count: 1, delay: backoff(ctx) }));
      const nested = aggregate({ a: aggregate({ b: () => of(1), retried }) }, withTimeout(1_000));
      for (const ctx of [{ propagate: {} }, {}]) {
        expect(notificationsOf(nested(ctx))).to.deep.equal([{ a: { b: 1, retried: 1 } }, 'complete']);
      }
      nested(background).subscribe();
    } finally {
      Object.defineProperty(AbortController.prototype, 'signal', own);
    }
    expect(made).to.equal(0);
  });
});
