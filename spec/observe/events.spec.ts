import { expect } from 'chai';
import { asyncScheduler, NEVER, type Observable, of, Subject, switchMap, takeUntil, throwError, timer } from 'rxjs';
import {
  aggregate,
  background,
  type Context,
  DeadlineExceededError,
  type RunEvent,
  withConcurrency,
  withEvents,
  withName,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, recordEvents } from '../../lib/testing/index.ts';

const boom = new Error('boom');
const ignored = { error: () => undefined };

describe('events', () => {
  it('report a run and each of its services, from start to end', () => {
    marbles(({ cold, flush }) => {
      const recorded = recordEvents();
      const services = { a: () => cold('--a|'), b: () => cold('-b|') };
      aggregate(services, withName('dashboard'), withEvents(recorded))(background).subscribe();
      flush();
      const [{ run } = { run: 0 }] = recorded.events;
      const name = 'dashboard';
      expect(recorded.events).to.deep.equal([
        { type: 'started', run, name, at: 0, elapsed: 0 },
        { type: 'started', run, name, service: 'a', at: 0, elapsed: 0 },
        { type: 'started', run, name, service: 'b', at: 0, elapsed: 0 },
        { type: 'succeeded', run, name, service: 'b', at: 2, elapsed: 2 },
        { type: 'succeeded', run, name, service: 'a', at: 3, elapsed: 3 },
        { type: 'succeeded', run, name, at: 3, elapsed: 3 },
      ]);
    });
  });

  it('contain the error of the service itself, and the error that the subscriber receives', () => {
    marbles(({ cold, flush }) => {
      const recorded = recordEvents();
      let received: unknown;
      const dashboard = aggregate({ a: () => NEVER, b: () => cold('-#', undefined, boom) }, withEvents(recorded));
      dashboard(background).subscribe({ error: (error: unknown) => (received = error) });
      flush();
      expect(recorded.brief().slice(3)).to.deep.equal(['failed b', 'canceled a', 'failed']);
      const [, , , service, canceled, run] = recorded.events;
      expect(service).to.have.property('error', boom);
      expect(canceled).not.to.have.property('error');
      expect(run).to.have.property('error', received);
      expect(run).to.include({ at: 1, elapsed: 1 });
    });
  });

  it('report a passed deadline as the failure of the run, and skip the services in the queue', () => {
    marbles(({ flush }) => {
      const recorded = recordEvents();
      const options = [withTimeout(5), withConcurrency(1), withEvents(recorded)];
      aggregate([() => NEVER, () => NEVER], ...options)(background).subscribe(ignored);
      flush();
      expect(recorded.brief()).to.deep.equal(['started', 'started [0]', 'canceled [0]', 'failed']);
      expect(recorded.events.at(-1)).to.have.property('error').that.is.instanceOf(DeadlineExceededError);
    });
  });

  for (const [what, ctx, end] of [
    ['an aborted signal', { signal: AbortSignal.abort() }, 'canceled'],
    ['a deadline in the past', { deadline: 0 }, 'failed'],
    ['an invalid deadline', { deadline: NaN }, 'failed'],
  ] as const) {
    it(`report the start and the end of a run on ${what}, with services or without`, () => {
      for (const services of [{ a: () => of(1) }, {}]) {
        const recorded = recordEvents();
        aggregate(services, withEvents(recorded))(ctx).subscribe(ignored);
        expect(recorded.brief()).to.deep.equal(['started', end]);
      }
    });
  }

  it('report one end if the subscriber unsubscribes during the start, even of a run that would fail', () => {
    for (const ctx of [{ signal: AbortSignal.abort() }, { deadline: NaN }, background]) {
      const recorded = recordEvents();
      const started = new Subject<RunEvent>();
      aggregate(
        { a: () => of(1) },
        withEvents(recorded),
        withEvents(started),
      )(ctx)
        .pipe(takeUntil(started))
        .subscribe();
      expect(recorded.brief()).to.deep.equal(['started', 'canceled']);
    }
  });

  it('come before the answer', () => {
    const log: string[] = [];
    const sink = { next: ({ type }: RunEvent) => log.push(type) };
    aggregate(
      { a: () => of(1) },
      withEvents(sink),
    )(background).subscribe({
      next: () => log.push('next'),
      complete: () => log.push('complete'),
    });
    expect(log).to.deep.equal(['started', 'started', 'succeeded', 'succeeded', 'next', 'complete']);
  });

  it('number concurrent runs', () => {
    const recorded = recordEvents();
    const empty = aggregate({}, withEvents(recorded));
    empty(background).subscribe();
    empty(background).subscribe();
    const [first, , second] = recorded.events;
    expect(second?.run).to.be.greaterThan(first?.run ?? Infinity);
    expect(new Set(recorded.events.map(({ run }) => run)).size).to.equal(2);
  });

  describe('times', () => {
    it('count `elapsed` from the start of the run, and `at` from the epoch', () => {
      marbles(({ flush }) => {
        const recorded = recordEvents();
        const failing = aggregate(
          { a: () => timer(3).pipe(switchMap(() => throwError(() => boom))) },
          withEvents(recorded),
        );
        timer(5)
          .pipe(switchMap(() => failing(background)))
          .subscribe({
            error: (error: unknown) => {
              expect(error).to.include({ service: 'a', elapsed: 3 });
            },
          });
        flush();
        expect(recorded.events.map(({ at, elapsed }) => [at, elapsed])).to.deep.equal([
          [5, 0],
          [5, 0],
          [8, 3],
          [8, 3],
        ]);
      });
    });

    it('are never negative if the wall clock jumps back', () => {
      const recorded = recordEvents();
      const gate = new Subject<number>();
      const { now } = asyncScheduler;
      let clock = 1_000;
      asyncScheduler.now = () => clock;
      try {
        aggregate({ a: () => gate }, withEvents(recorded))(background).subscribe();
        clock = 400;
        gate.next(1);
        gate.complete();
      } finally {
        asyncScheduler.now = now;
      }
      expect(recorded.events.map(({ at, elapsed }) => [at, elapsed])).to.deep.equal([
        [1_000, 0],
        [1_000, 0],
        [400, 0],
        [400, 0],
      ]);
    });
  });

  describe('print nothing secret', () => {
    it('of the context, which they carry', () => {
      const recorded = recordEvents();
      const ctx = { propagate: { authorization: 'secret' } };
      aggregate({ a: () => throwError(() => boom) }, withEvents(recorded))(ctx).subscribe(ignored);
      expect(recorded.events).to.have.length(4);
      for (const event of recorded.events) {
        expect(event.ctx).to.equal(ctx);
        expect(Object.keys(event)).not.to.include('ctx');
        expect(JSON.stringify(event)).not.to.include('secret');
      }
    });

    it('of an error: as JSON they contain what a log line does', () => {
      const recorded = recordEvents();
      const thrown = Object.assign(new Error('secret'), { code: 'E_CODE', request: { headers: { cookie: 'secret' } } });
      aggregate({ a: () => throwError(() => thrown) }, withEvents(recorded))(background).subscribe(ignored);
      const [, started, failed] = JSON.parse(JSON.stringify(recorded.events)) as object[];
      expect(started).to.deep.equal({ ...recorded.events[1] });
      expect(failed).to.deep.equal({ ...recorded.events[2], error: { name: 'Error', code: 'E_CODE' } });
      expect(JSON.stringify(recorded.events)).not.to.include('secret');
    });
  });

  describe('of a nested run', () => {
    const recordedInner = () => {
      const recorded = recordEvents();
      return { recorded, inner: aggregate({ b: () => of(1) }, withName('inner'), withEvents(recorded)) };
    };

    it('name the run and the service in which it was started', () => {
      const { recorded, inner } = recordedInner();
      const outer = recordEvents();
      aggregate({ first: inner, second: inner }, withEvents(outer))(background).subscribe();
      const [{ run } = { run: 0 }] = outer.events;
      expect(recorded.events.map(({ parent }) => parent)).to.deep.equal([
        ...Array.from({ length: 4 }, () => ({ run, service: 'first' })),
        ...Array.from({ length: 4 }, () => ({ run, service: 'second' })),
      ]);
      expect(outer.events.some((event) => 'parent' in event)).to.equal(false);
    });

    it('name the run alone if it was started after the service had been subscribed to', () => {
      marbles(({ flush }) => {
        const { recorded, inner } = recordedInner();
        const outer = recordEvents();
        const late = (ctx: Context): Observable<unknown> => timer(1).pipe(switchMap(() => inner(ctx)));
        aggregate({ late, other: () => timer(2) }, withEvents(outer))(background).subscribe();
        flush();
        const [{ run } = { run: 0 }] = outer.events;
        expect(recorded.events[0]).to.have.property('parent').that.deep.equals({ run });
      });
    });

    it('have no parent if the context comes from outside, or from a run that has ended', () => {
      const { recorded, inner } = recordedInner();
      let kept: Context = background;
      const keep = (ctx: Context): Observable<number> => {
        kept = ctx;
        return of(1);
      };
      aggregate({ keep, outside: () => inner(background) })(background).subscribe();
      inner(kept).subscribe();
      expect(recorded.events).to.have.length(8);
      expect(recorded.events.some((event) => 'parent' in event)).to.equal(false);
    });
  });
});
