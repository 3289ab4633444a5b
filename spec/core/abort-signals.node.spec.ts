import { expect } from 'chai';
import { getEventListeners, getMaxListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { defer, firstValueFrom, merge, NEVER, Observable, of, Subject, take } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  bulkhead,
  type Context,
  fromAbortable,
  optional,
  perRun,
  singleFlight,
} from '../../lib/index.ts';
import { contextOf } from '../../lib/server/index.ts';
import { abortAt, expectNoLeaks, marbles } from '../../lib/testing/index.ts';
import { nextTask } from '../support/tasks.ts';

/** Subscribes, lets warnings appear, and unsubscribes. Resolves with the names of the warnings. */
async function warningsOf(sources: readonly Observable<unknown>[]): Promise<readonly string[]> {
  const warnings: string[] = [];
  const warn = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', warn);
  const subscriptions = sources.map((source) => source.subscribe());
  await nextTask(); // Node warns in a later task
  for (const subscription of subscriptions) subscription.unsubscribe();
  process.off('warning', warn);
  return warnings;
}

describe('the limit of listeners of a signal', () => {
  it('can be read: fetch reads it for each request', async () => {
    const limit = await firstValueFrom(fromAbortable(background, (signal) => of(getMaxListeners(signal))));
    expect(limit).to.equal(Infinity);
  });
});

describe('a MaxListenersExceededWarning', () => {
  /** As 50 queries of a driver do. */
  const listen = (signal: AbortSignal | undefined): Observable<never> =>
    new Observable(() => {
      for (let query = 0; query < 50; query++) signal?.addEventListener('abort', () => undefined);
    });
  const listening = (ctx: Context): Observable<never> => listen(ctx.signal);

  const handedOut: Readonly<Record<string, () => Observable<unknown>>> = {
    'of a run': () => aggregate({ listening })(background),
    'of a run that 50 services listen to': () => aggregateEach(listening)(background, Array.from({ length: 50 })),
    'of a nested run': () => aggregate({ nested: aggregate({ listening }) })(background),
    'of fromAbortable': () => fromAbortable(background, listen),
    'of fromAbortable in a run': () => aggregate({ a: (ctx) => fromAbortable(ctx, listen) })(background),
    'of perRun': () => aggregate({ a: perRun(listening) })(background),
    'of abortAt': () => {
      let signal: AbortSignal | undefined;
      marbles(() => {
        ({ signal } = abortAt('-!'));
      });
      return listen(signal);
    },
    'of expectNoLeaks': () => {
      const leaky = (ctx: Context): Observable<unknown> => merge(listening(ctx), of(1)).pipe(take(1));
      return defer(() => expectNoLeaks(leaky, { fails: false }).catch(() => 'leaks'));
    },
    'of optional, outside a run': () => optional(listening, 0)(background),
    'of contextOf': () => listening(contextOf(new Request('http://api.test/'))),
    'of singleFlight': () => singleFlight(listening)(background),
  };
  for (const [which, sourceOf] of Object.entries(handedOut)) {
    it(`is not printed for a signal that forkfast hands out: ${which}`, async () => {
      expect(await warningsOf([sourceOf()])).to.deep.equal([]);
    });
  }

  it("is not printed for a caller's signal that hundreds of runs share", async () => {
    const { signal } = new AbortController();
    const run = aggregate({ a: () => NEVER, b: (ctx) => fromAbortable(ctx, () => NEVER) });
    expect(await warningsOf(Array.from({ length: 300 }, () => run({ signal })))).to.deep.equal([]);
  });
});

describe("a caller's signal", () => {
  it('has one DOM listener, however often a bulkhead that waited for it has let a run start', () => {
    const { signal } = new AbortController();
    const ctx = { signal };
    const limit = bulkhead(1);
    const runs = Array.from({ length: 3 }, () => {
      const [first, second] = [new Subject<number>(), new Subject<number>()];
      first.pipe(limit.for(ctx)).subscribe();
      second.pipe(limit.for(ctx)).subscribe();
      first.complete();
      const run = fromAbortable(ctx, () => NEVER).subscribe();
      second.complete();
      expect(getEventListeners(signal, 'abort')).to.have.lengthOf(1);
      return run;
    });
    for (const run of runs) run.unsubscribe();
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });
});

describe('a run in flight', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;

  it('holds nothing of a fromAbortable that has ended, the first one in the run or a later one', async () => {
    const values: WeakRef<object>[] = [];
    const service = (ctx: Context): Observable<never> => {
      for (let query = 0; query < 3; query++) {
        fromAbortable(ctx, () => {
          const value = {};
          values.push(new WeakRef(value));
          return of(value);
        }).subscribe();
        if (query === 0) fromAbortable(ctx, () => NEVER).subscribe({ error: () => undefined });
      }
      return NEVER;
    };
    const run = aggregate({ service })(background).subscribe();
    for (let task = 0; task < 10; task++) {
      await nextTask();
      collect();
    }
    expect(values.map((value) => value.deref())).to.deep.equal([undefined, undefined, undefined]);
    run.unsubscribe();
  });
});
