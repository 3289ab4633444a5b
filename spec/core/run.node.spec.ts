import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import { firstValueFrom, NEVER, Observable, of, retry, throwError, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  backoff,
  type Context,
  fromAbortable,
  type Service,
  silent,
  withEvents,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

const quiet = withLogger(silent);
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('the observers of a run', () => {
  expectNoUnhandledRejections();

  it('may be asynchronous, and reject', () => {
    const rejects = (): Promise<never> => Promise.reject(new Error('the log is full'));
    const logger = { debug: rejects, info: rejects, warn: rejects, error: rejects };
    const told: unknown[] = [];
    const ask = aggregate({ a: () => of(1) }, withLogger(logger, rejects), withEvents({ next: rejects }));
    ask({}).subscribe((answer) => told.push(answer));
    expect(told).to.deep.equal([{ a: 1 }]);
  });
});

describe('the listeners of a run', () => {
  it('are one on the caller`s signal, however many runs share it, and none when they are over', () => {
    const { signal } = new AbortController();
    const ask = aggregate({ a: () => NEVER, nested: aggregate({ b: () => NEVER }, quiet) }, quiet);
    const runs = Array.from({ length: 300 }, () => ask({ signal }).subscribe());
    expect(listeners(signal)).to.equal(1);
    for (const run of runs) run.unsubscribe();
    expect(listeners(signal)).to.equal(0);
  });

  it('are none after success, error and a passed deadline', async () => {
    const { signal } = new AbortController();
    aggregate({ a: () => of(1) }, quiet)({ signal }).subscribe();
    aggregate({ a: () => throwError(() => 1) }, quiet)({ signal }).subscribe({ error: () => undefined });
    aggregate({ a: () => NEVER }, quiet)({ signal, deadline: 0 }).subscribe({ error: () => undefined });
    expect(listeners(signal)).to.equal(0);
    await new Promise<unknown>((resolve) => {
      aggregate({ a: () => NEVER }, quiet, withTimeout(1))({ signal }).subscribe({ error: resolve });
      expect(listeners(signal)).to.equal(1);
    });
    expect(listeners(signal)).to.equal(0);
  });

  it('are one at most on the run`s own signal for 1,000 services that listen, without a warning', () => {
    const warnings: unknown[] = [];
    const warn = (warning: unknown): void => void warnings.push(warning);
    process.on('warning', warn);
    let own: AbortSignal | undefined;
    const service: Service<void, never> = (ctx) => {
      own = ctx.signal;
      return fromAbortable(ctx, () => new Promise<never>(() => undefined));
    };
    const subscription = aggregate(
      Array.from({ length: 1_000 }, () => service),
      quiet,
    )({}).subscribe();
    expect(listeners(own!)).to.be.at.most(1);
    subscription.unsubscribe();
    expect(listeners(own!)).to.equal(0);
    process.off('warning', warn);
    expect(warnings).to.deep.equal([]);
  });

  it('may be of anybody on the run`s own signal: a driver for each of many services, without a warning', async () => {
    const warnings: unknown[] = [];
    const warn = (warning: unknown): void => void warnings.push(warning);
    process.on('warning', warn);
    const driver = (ctx: Context): Observable<never> =>
      new Observable(() => {
        ctx.signal?.addEventListener('abort', () => undefined);
      });
    const each = aggregateEach(driver, quiet)({}, Array.from({ length: 50 }));
    each.subscribe().unsubscribe();
    await firstValueFrom(timer(0)); // a warning is a turn late
    process.off('warning', warn);
    expect(warnings).to.deep.equal([]);
  });

  it('need no signal where runs nest, share, retry and follow one another, and nobody reads it', () => {
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
      const nested = aggregate({ a: aggregate({ b: () => of(1), retried }, quiet) }, quiet, withTimeout(1_000));
      nested({ propagate: {} }).subscribe();
      nested({}).subscribe();
    } finally {
      Object.defineProperty(AbortController.prototype, 'signal', own);
    }
    expect(made).to.equal(0);
  });
});
