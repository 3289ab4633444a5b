import { expect } from 'chai';
import type { Observable } from 'rxjs';
import { map, NEVER, of, retry, Subject, switchMap, throwError, timer } from 'rxjs';
import {
  aggregate,
  background,
  type Context,
  DeadlineExceededError,
  fromAbortable,
  perRun,
  type Service,
  ServiceError,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

describe('perRun', () => {
  it('calls a service once when another service uses its answer', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const account = cold('--(p|)', { p: { accountId: 7 } });
      const five = cold('   ---(o|)', { o: 5 });
      const profile = perRun((_ctx, _id: number) => account);
      const orders = (ctx: Context, id: number): Observable<number> => profile(ctx, id).pipe(switchMap(() => five));
      const page = aggregate({ profile, orders });
      expectObservable(page(background, 42)).toBe('-----(r|)', { r: { profile: { accountId: 7 }, orders: 5 } });
      expectSubscriptions(account.subscriptions).toBe('^-!');
      expectSubscriptions(five.subscriptions).toBe('--^--!');
    });
  });

  it('calls a service once when its caller passes the signal of fromAbortable', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const account = cold('--(p|)');
      const profile = perRun(() => account);
      const orders = (ctx: Context): Observable<unknown> => fromAbortable(ctx, (signal) => profile({ ...ctx, signal }));
      const page = aggregate({ profile, orders });
      expectObservable(page(background)).toBe('--(r|)', { r: { profile: 'p', orders: 'p' } });
      expectSubscriptions(account.subscriptions).toBe('^-!');
    });
  });

  it('unsubscribes in the frame in which another service fails', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const account = cold('------p|');
      const fails = cold<number>('--#', undefined, boom);
      const profile = perRun(() => account);
      const orders = (ctx: Context): Observable<unknown> => profile(ctx);
      const page = aggregate({ profile, orders, fails: () => fails });
      const error = new ServiceError({ service: 'fails', elapsed: 2, cause: boom });
      expectObservable(page(background)).toBe('--#', undefined, error);
      expectSubscriptions(account.subscriptions).toBe('^-!');
    });
  });

  it('keeps the answer for the outermost run, and calls the service again in the next run', () => {
    let calls = 0;
    const profile = perRun((_ctx, id: number) => of(`${String(id)}: ${String(++calls)}`));
    const dependent = (ctx: Context, id: number): Observable<string> => profile(ctx, id);
    const inner = aggregate({ dependent, other: (ctx) => profile(ctx, 7) });
    const page = aggregate({ profile, inner });
    const answers: unknown[] = [];
    for (let run = 0; run < 2; run++) page(background, 42).subscribe((answer) => answers.push(answer));
    expect(answers).to.deep.equal([
      { profile: '42: 1', inner: { dependent: '42: 1', other: '7: 2' } },
      { profile: '42: 3', inner: { dependent: '42: 3', other: '7: 4' } },
    ]);
  });

  it('calls the service on the context of the run, with a signal that aborts when the run ends early', () => {
    let received: Context | undefined;
    const profile = perRun((ctx: Context) => {
      received = ctx;
      return NEVER;
    });
    const failing = new Subject<never>();
    const page = aggregate({ a: (ctx) => profile({ ...ctx, deadline: 1 }), failing: () => failing });
    page({ propagate: { a: 'b' } }).subscribe({ error: () => undefined });
    expect(received).to.deep.include({ propagate: { a: 'b' } });
    expect(received?.deadline).to.be.greaterThan(1);
    expect(received?.signal?.aborted).to.equal(false);
    failing.error(boom);
    expect(received?.signal?.aborted).to.equal(true);
  });

  it('keeps no error, so a retry calls the service again', () => {
    let calls = 0;
    const profile = perRun(() => (++calls === 1 ? throwError(() => boom) : of(calls)));
    const page = aggregate({ a: (ctx) => profile(ctx).pipe(retry(1)), b: profile });
    let answer: unknown;
    page(background).subscribe((given) => (answer = given));
    expect(answer).to.deep.equal({ a: 2, b: 2 });
  });

  it('nests, and leaves the deadline to the outermost run', () => {
    marbles(({ expectObservable }) => {
      const account = perRun(() => of(1));
      const profile = perRun(aggregate({ account, slow: () => NEVER }) as Service<void, unknown>);
      const page = aggregate({ profile, account }, withTimeout(1_000));
      const late = new DeadlineExceededError({ pending: ['profile'], elapsed: 1_000 });
      expectObservable(page(background)).toBe('1s #', undefined, late);
    });
  });

  it('fails the service that subscribed first', () => {
    marbles(({ expectObservable }) => {
      const fail = (): never => {
        throw boom;
      };
      const account = perRun(() => timer(1).pipe(map(fail)));
      const page = aggregate({ profile: (ctx) => account(ctx) });
      const error = new ServiceError({ service: 'profile', elapsed: 1, cause: boom });
      expectObservable(page(background)).toBe('-#', undefined, error);
    });
  });

  it('calls the service at each subscription outside a run, and after the run', () => {
    let calls = 0;
    const profile = perRun(() => of(++calls));
    const answers: number[] = [];
    const subscribe = (ctx: Context): void => {
      profile(ctx).subscribe((answer) => answers.push(answer));
    };
    subscribe(background);
    subscribe({ signal: new AbortController().signal });
    let received: Context = background;
    const page = aggregate({
      a: (ctx) => {
        received = ctx;
        return profile(ctx);
      },
    });
    page(background).subscribe();
    subscribe(received);
    expect(answers).to.deep.equal([1, 2, 4]);
  });
});
