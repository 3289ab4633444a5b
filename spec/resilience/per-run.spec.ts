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
  silent,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const quiet = withLogger(silent);
const boom = new Error('boom');

describe('perRun', () => {
  it('lets a service use the answer of another: asked once, and the second starts when it has come', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const account = cold('--(p|)', { p: { accountId: 7 } });
      const five = cold('   ---(o|)', { o: 5 });
      const profile = perRun((_ctx, _id: number) => account);
      const orders = (ctx: Context, id: number): Observable<number> => profile(ctx, id).pipe(switchMap(() => five));
      const ask = aggregate({ profile, orders }, quiet);
      expectObservable(ask(background, 42)).toBe('-----(r|)', { r: { profile: { accountId: 7 }, orders: 5 } });
      expectSubscriptions(account.subscriptions).toBe('^-!');
      expectSubscriptions(five.subscriptions).toBe('--^--!');
    });
  });

  it('tears all of it down on a failure, in the same frame', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const account = cold('------p|');
      const fails = cold<number>('--#', undefined, boom);
      const profile = perRun(() => account);
      const orders = (ctx: Context): Observable<unknown> => profile(ctx);
      const ask = aggregate({ profile, orders, fails: () => fails }, quiet);
      expectObservable(ask(background)).toBe(
        '--#',
        undefined,
        new ServiceError({ service: 'fails', elapsed: 2, cause: boom }),
      );
      expectSubscriptions(account.subscriptions).toBe('^-!');
    });
  });

  it('is kept for the run, the outermost, and asked anew in the next', () => {
    let asked = 0;
    const profile = perRun((_ctx, id: number) => of(`${String(id)}: ${String(++asked)}`));
    const later = (ctx: Context, id: number): Observable<string> => profile(ctx, id);
    const ask = aggregate({ profile, page: aggregate({ later, other: (ctx) => profile(ctx, 7) }, quiet) }, quiet);
    const told: unknown[] = [];
    ask(background, 42).subscribe((value) => told.push(value));
    ask(background, 42).subscribe((value) => told.push(value));
    expect(told).to.deep.equal([
      { profile: '42: 1', page: { later: '42: 1', other: '7: 2' } },
      { profile: '42: 3', page: { later: '42: 3', other: '7: 4' } },
    ]);
  });

  it('is asked on the context of the run, with a signal that aborts when the run ends early', () => {
    let seen: (Context & { tenant?: string }) | undefined;
    const profile = perRun((ctx: Context) => {
      seen = ctx;
      return NEVER;
    });
    const failing = new Subject<never>();
    const ask = aggregate({ a: (ctx) => profile({ ...ctx, deadline: 1 }), failing: () => failing }, quiet);
    ask({ propagate: { a: 'b' } }).subscribe({ error: () => undefined });
    expect(seen).to.deep.include({ propagate: { a: 'b' } });
    expect(seen?.deadline).to.be.greaterThan(1);
    expect(seen?.signal?.aborted).to.equal(false);
    failing.error(boom);
    expect(seen?.signal?.aborted).to.equal(true);
  });

  it('keeps no failure: a retry asks again', () => {
    let asked = 0;
    const profile = perRun(() => (++asked === 1 ? throwError(() => boom) : of(asked)));
    let answer: unknown;
    aggregate(
      { a: (ctx) => profile(ctx).pipe(retry(1)), b: profile },
      quiet,
    )(background).subscribe((value) => (answer = value));
    expect(answer).to.deep.equal({ a: 2, b: 2 });
  });

  it('nests, and leaves the deadline to the run around it', () => {
    marbles(({ expectObservable }) => {
      const account = perRun(() => of(1));
      const profile = perRun(aggregate({ account, slow: () => NEVER }, quiet) as Service<void, unknown>);
      const ask = aggregate({ profile, account }, quiet, withTimeout(1_000));
      const late = new DeadlineExceededError({ pending: ['profile'], elapsed: 1_000 });
      expectObservable(ask(background)).toBe('1s #', undefined, late);
    });
  });

  it('is asked once also by a service that passes on the signal of fromAbortable', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const account = cold('--(p|)');
      const profile = perRun(() => account);
      const orders = (ctx: Context): Observable<unknown> => fromAbortable(ctx, (signal) => profile({ ...ctx, signal }));
      const ask = aggregate({ profile, orders }, quiet);
      expectObservable(ask(background)).toBe('--(r|)', { r: { profile: 'p', orders: 'p' } });
      expectSubscriptions(account.subscriptions).toBe('^-!');
    });
  });

  it('names the service that asked', () => {
    const account = perRun(() =>
      timer(0).pipe(
        map(() => {
          throw boom;
        }),
      ),
    );
    marbles(({ flush }) => {
      let told: unknown;
      aggregate(
        { profile: (ctx) => account(ctx) },
        quiet,
      )(background).subscribe({ error: (error: unknown) => (told = error) });
      flush();
      expect(told).to.include({ service: 'profile', cause: boom });
    });
  });

  it('is the service itself outside a run, and of a run that is over', () => {
    let asked = 0;
    const profile = perRun(() => of(++asked));
    profile(background).subscribe();
    profile({ signal: new AbortController().signal }).subscribe();
    expect(asked).to.equal(2);
    let leaked: Context = background;
    aggregate(
      {
        a: (ctx) => {
          leaked = ctx;
          return profile(ctx);
        },
      },
      quiet,
    )(background).subscribe();
    profile(leaked).subscribe();
    expect(asked).to.equal(4);
  });

  it('needs a key for an object', () => {
    const service: Service<{ id: number }, number> = (_ctx, { id }) => of(id);
    // @ts-expect-error an object needs a key
    expect(perRun(service)).to.be.a('function');
    let asked = 0;
    const keyed = perRun((_ctx, { id }: { id: number }) => of(id + ++asked), { key: ({ id }) => id });
    let answer: unknown;
    aggregate({ a: keyed, b: (ctx) => keyed(ctx, { id: 1 }) }, quiet)(background, { id: 1 }).subscribe(
      (value) => (answer = value),
    );
    expect(answer).to.deep.equal({ a: 2, b: 2 });
    expect(() => perRun(service, { key: 1 as never })).to.throw(TypeError, 'key must be a function');
    expect(() => perRun(1 as never)).to.throw(TypeError, 'perRun: a service, not 1');
  });
});
