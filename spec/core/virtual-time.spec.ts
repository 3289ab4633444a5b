import { expect } from 'chai';
import { defer, retry, switchMap, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  background,
  backoff,
  bulkhead,
  hedge,
  perRun,
  retryBudget,
  singleFlight,
  withConcurrency,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, recordingLogger } from '../../lib/testing/index.ts';
import { exceeded, fails } from '../support/services.ts';

describe('virtual time', () => {
  const clocks: readonly (readonly [object, string])[] = [
    [globalThis, 'setTimeout'],
    [globalThis, 'setInterval'],
    [globalThis, 'queueMicrotask'],
    [Date, 'now'],
    [performance, 'now'],
  ];
  const real = clocks.map(([owner, name]) => Reflect.get(owner, name) as unknown);
  afterEach(() => {
    for (const [index, [owner, name]] of clocks.entries()) Reflect.set(owner, name, real[index]);
  });

  it('runs everything for ten seconds without a clock or a timer of the platform', () => {
    marbles(({ expectObservable }) => {
      const budget = retryBudget();
      const one = bulkhead(1);
      const slow = () => timer(1_000);
      let calls = 0;
      const flaky = defer(() => (++calls % 2 === 1 ? timer(5).pipe(switchMap(fails)) : timer(5)));
      const page = aggregate(
        {
          nested: aggregate({ slow }, withTimeout(2_000)),
          each: (ctx) => aggregateEach(slow, withConcurrency(1))(ctx, [undefined, undefined]),
          latest: aggregateLatest({ slow }),
          flight: singleFlight(slow),
          once: perRun(slow),
          queued: () => timer(10).pipe(one),
          behind: () => timer(10).pipe(one),
          retried: (ctx) =>
            flaky.pipe(retry({ delay: backoff(ctx, { retryable: () => true, jitter: 'none', budget }) })),
          hedged: () => timer(50).pipe(hedge({ after: 5, budget })),
          never: () => timer(20_000),
        },
        withTimeout(10_000),
        withLogger(recordingLogger()),
      );
      for (const [owner, name] of clocks) Reflect.set(owner, name, () => expect.fail(`${name} is called`));
      expectObservable(page(background)).toBe('10s #', undefined, exceeded(10_000, 'never'));
    });
  });
});
