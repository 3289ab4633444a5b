import { expect } from 'chai';
import { catchError, delay, ignoreElements, merge, NEVER, type Observable, of, Subject, switchMap, timer } from 'rxjs';
import {
  aggregate,
  aggregateLatest,
  type AggregateOption,
  background,
  type Context,
  fromAbortable,
  type Service,
  ServiceError,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { errorOf } from '../support/failure.ts';
import { boom, exceeded, failed, fails } from '../support/services.ts';

describe('a nested run', () => {
  const never = (...options: AggregateOption[]): Service<void, unknown> =>
    aggregate({ profile: () => NEVER }, ...options);
  const latest = (service: Service<void, unknown>): Service<void, unknown> => aggregateLatest({ dashboard: service });

  const outerReports: Readonly<Record<string, Service<void, unknown>>> = {
    'has none of its own': never(),
    'has the same timeout': never(withTimeout(1_000)),
    'has a longer timeout': never(withTimeout(5_000)),
    'is inside an aggregateLatest': (ctx) => latest(never())(ctx),
    'is inside an aggregateLatest that has emitted': (ctx) =>
      latest((inner) => merge(of('cached'), never()(inner)))(ctx),
    'has a signal of fromAbortable': (ctx) => fromAbortable(ctx, (signal) => never()({ ...ctx, signal })),
    'starts in its very frame, without calling a service': (ctx) =>
      timer(1_000).pipe(switchMap(() => aggregate({ profile: () => expect.fail('called') })(ctx))),
  };
  for (const [when, dashboard] of Object.entries(outerReports)) {
    it(`leaves the deadline to the outer run when it ${when}`, () => {
      marbles(({ expectObservable }) => {
        const run = aggregate({ dashboard }, withTimeout(1_000))(background);
        expectObservable(run).toBe('1s #', undefined, exceeded(1_000, 'dashboard'));
      });
    });
  }

  const innerReports: Readonly<Record<string, Service<void, unknown>>> = {
    'has a shorter timeout': never(withTimeout(300)),
    'was given a sooner deadline by its service': (ctx) => never()({ ...ctx, deadline: 300 }),
  };
  for (const [when, dashboard] of Object.entries(innerReports)) {
    it(`fails its service at its own deadline when it ${when}`, () => {
      marbles(({ expectObservable }) => {
        const run = aggregate({ dashboard }, withTimeout(1_000))(background);
        expectObservable(run).toBe('300ms #', undefined, failed('dashboard', 300, exceeded(300, 'profile')));
      });
    });
  }

  it('enforces the deadline itself when the outer run had ended before it started', () => {
    marbles(({ expectObservable, flush }) => {
      let kept: Context = background;
      aggregate({ a: (ctx) => of((kept = ctx)) }, withTimeout(1_000))(background).subscribe();
      flush();
      expectObservable(never()(kept)).toBe('1s #', undefined, exceeded(1_000, 'profile'));
    });
  });

  it('enforces the deadline itself when the outer run fails, and does not cancel it', () => {
    marbles(({ expectObservable }) => {
      const detached = new Subject<unknown>();
      const page = (ctx: Context): Observable<unknown> =>
        fromAbortable(ctx, (signal) => {
          never(withTimeout(1_000))({ ...ctx, signal }).subscribe(detached);
          return of('page');
        });
      const run = aggregate({ page, fails: () => timer(300).pipe(switchMap(fails)) }, withTimeout(1_000))(background);
      expectObservable(run).toBe('300ms #', undefined, failed('fails', 300));
      expectObservable(detached).toBe('1s #', undefined, exceeded(1_000, 'profile'));
    });
  });

  for (const ms of [1_000, 300]) {
    it(`enforces the deadline itself when the outer run, with a timeout of ${String(ms)} ms, succeeds before`, () => {
      marbles(({ expectObservable }) => {
        const detached = new Subject<unknown>();
        const page = (ctx: Context): Observable<string> => {
          never(withTimeout(1_000))(ctx).subscribe(detached);
          return of('page').pipe(delay(ms - 200));
        };
        const run = aggregate({ page }, withTimeout(ms))(background);
        expectObservable(run).toBe(`${String(ms - 200)}ms (p|)`, { p: { page: 'page' } });
        expectObservable(detached).toBe(`${String(ms)}ms #`, undefined, exceeded(ms, 'profile'));
      });
    });
  }

  it('enforces the deadline itself when a run between has left the deadline to an outermost run that succeeds before', () => {
    marbles(({ expectObservable }) => {
      const detached = new Subject<unknown>();
      const between = aggregateLatest(
        {
          b: (ctx) => {
            timer(200)
              .pipe(switchMap(() => never(withTimeout(5_000))(ctx)))
              .subscribe(detached);
            return merge(of('x'), NEVER);
          },
        },
        withTimeout(500),
      );
      const a = (ctx: Context): Observable<unknown> => (between(ctx).subscribe(), timer(100));
      expectObservable(aggregate({ a }, withTimeout(1_000))(background)).toBe('100ms (a|)', { a: { a: 0 } });
      expectObservable(detached).toBe('1s #', undefined, exceeded(800, 'profile'));
    });
  });

  it('fails the outer run with one flat error: the whole path, and the original cause', () => {
    const dashboard = aggregate({ profile: fails });
    const pair = aggregate([() => of(1), fails]);
    for (const [run, service] of [
      [aggregate({ dashboard }), 'dashboard.profile'],
      [aggregate({ page: aggregate({ dashboard }) }), 'page.dashboard.profile'],
      [aggregate({ pair }), 'pair[1]'],
      [aggregate([dashboard]), '[0].profile'],
    ] as const) {
      expect(errorOf(run(background)))
        .to.be.instanceOf(ServiceError)
        .and.include({ service, cause: boom, message: `${service}: boom` });
    }
  });

  it('fails the outer run with the time that has elapsed since the outer run started', () => {
    marbles(({ expectObservable }) => {
      const dashboard = aggregate({ profile: () => timer(3).pipe(switchMap(fails)) });
      const run = aggregate({ dashboard: (ctx) => timer(4).pipe(switchMap(() => dashboard(ctx))) })(background);
      const elapsed = run.pipe(catchError((error: ServiceError) => of(error.elapsed)));
      expectObservable(elapsed).toBe('7ms (e|)', { e: 7 });
    });
  });

  it('is torn down with the run around it, its signal aborted with a CanceledError', () => {
    const log: unknown[] = [];
    const nested = aggregate({
      slow: (ctx) => {
        ctx.signal?.addEventListener('abort', () => log.push((ctx.signal?.reason as Error).name));
        return NEVER;
      },
    });
    errorOf(aggregate({ nested, fails })(background));
    expect(log).to.deep.equal(['CanceledError']);
  });

  const deep = (runs: number, leaf: Service<void, unknown>): Service<void, unknown> => {
    let service = leaf;
    for (let run = 0; run < runs; run++) service = aggregate({ a: service });
    return service;
  };

  it('may be the hundredth', () => {
    marbles(({ expectObservable }) => {
      expectObservable(deep(100, () => of(1))(background).pipe(ignoreElements())).toBe('|');
      expectObservable(deep(100, () => timer(2))(background).pipe(ignoreElements())).toBe('--|');
    });
  });

  it('fails at once behind the hundredth run, and calls nothing', () => {
    const called = (): never => expect.fail('called');
    for (const runs of [101, 1_000]) {
      const error = errorOf(deep(runs, called)(background));
      expect(error).to.be.instanceOf(ServiceError).and.have.property('cause').that.is.instanceOf(RangeError);
      expect(error).to.have.nested.property('cause.message').that.includes('look for a service that calls itself');
    }
  });

  it('fails at once if a service calls itself without end', () => {
    const loop: Service<void, unknown> = aggregate({ a: (ctx: Context): Observable<unknown> => loop(ctx) });
    expect(errorOf(loop(background)))
      .to.have.property('cause')
      .that.is.instanceOf(RangeError);
  });

  it('fails with the reason of a signal that its service has made', () => {
    const own = new AbortController();
    const slow = aggregate({ slow: () => NEVER });
    const page = aggregate({
      nested: (ctx) => slow({ ...ctx, signal: own.signal }),
      abort: () => {
        own.abort(boom);
        return NEVER;
      },
    });
    expect(errorOf(page(background))).to.include({ service: 'nested', cause: boom });
  });
});
