import { expect } from 'chai';
import { defer, NEVER, type Observable, of, Subject, switchMap, takeUntil, throwError, timer } from 'rxjs';
import {
  aggregate,
  background,
  CanceledError,
  type Context,
  DeadlineExceededError,
  type EventSink,
  type RunEvent,
  silent,
  withConcurrency,
  withEvents,
  withLogger,
  withName,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, recordEvents } from '../../lib/testing/index.ts';

const quiet = withLogger(silent);
const boom = new Error('boom');

describe('events', () => {
  it('tell a run and each of its services, from start to end', () => {
    marbles(({ cold, flush }) => {
      const { events, next } = recordEvents();
      const ask = aggregate(
        { a: () => cold('--a|'), b: () => cold('-b|') },
        quiet,
        withName('dashboard'),
        withEvents({ next }),
      );
      ask(background).subscribe();
      flush();
      const [{ run } = { run: 0 }] = events;
      expect(events).to.deep.equal([
        { type: 'started', run, name: 'dashboard', at: 0, elapsed: 0 },
        { type: 'started', run, name: 'dashboard', service: 'a', at: 0, elapsed: 0 },
        { type: 'started', run, name: 'dashboard', service: 'b', at: 0, elapsed: 0 },
        { type: 'succeeded', run, name: 'dashboard', service: 'b', at: 2, elapsed: 2 },
        { type: 'succeeded', run, name: 'dashboard', service: 'a', at: 3, elapsed: 3 },
        { type: 'succeeded', run, name: 'dashboard', at: 3, elapsed: 3 },
      ]);
    });
  });

  it('carry the raw error of the service, and the error of the run as its subscriber gets it', () => {
    marbles(({ cold, flush }) => {
      const { events, next, brief } = recordEvents();
      let told: unknown;
      const ask = aggregate({ a: () => NEVER, b: () => cold('-#', undefined, boom) }, quiet, withEvents({ next }));
      ask(background).subscribe({ error: (error: unknown) => (told = error) });
      flush();
      expect(brief().slice(3)).to.deep.equal(['failed b', 'canceled a', 'failed']);
      const [, , , raw, canceled, failed] = events;
      expect(raw).to.have.property('error', boom);
      expect(canceled).not.to.have.property('error');
      expect(failed).to.have.property('error', told);
      expect(failed).to.include({ at: 1, elapsed: 1 });
    });
  });

  it('count elapsed from the start of their run, and at from the epoch', () => {
    marbles(({ flush }) => {
      const { events, next } = recordEvents();
      const ask = aggregate(
        { a: () => timer(3).pipe(switchMap(() => throwError(() => boom))) },
        quiet,
        withEvents({ next }),
      );
      timer(5)
        .pipe(switchMap(() => ask(background)))
        .subscribe({
          error: (error: unknown) => {
            expect(error).to.include({ service: 'a', elapsed: 3 });
          },
        });
      flush();
      expect(events.map(({ at, elapsed }) => [at, elapsed])).to.deep.equal([
        [5, 0],
        [5, 0],
        [8, 3],
        [8, 3],
      ]);
    });
  });

  it('tell a passed deadline as a failure of the run, and what was pending as canceled; the queued never started', () => {
    marbles(({ flush }) => {
      const { events, next, brief } = recordEvents();
      const ask = aggregate(
        [() => NEVER, () => NEVER],
        quiet,
        withTimeout(5),
        withConcurrency(1),
        withEvents({ next }),
      );
      ask(background).subscribe({ error: () => undefined });
      flush();
      expect(brief()).to.deep.equal(['started', 'started [0]', 'canceled [0]', 'failed']);
      expect(events.at(-1)).to.have.property('error').that.is.instanceOf(DeadlineExceededError);
    });
  });

  it('of a run that is refused at once are its start and its end', () => {
    for (const [ctx, type] of [
      [{ signal: AbortSignal.abort() }, 'canceled'],
      [{ deadline: 0 }, 'failed'],
      [{ deadline: NaN }, 'failed'],
    ] as const) {
      const { next, brief } = recordEvents();
      aggregate({ a: () => of(1) }, quiet, withEvents({ next }))(ctx).subscribe({ error: () => undefined });
      expect(brief()).to.deep.equal(['started', type]);
    }
  });

  it('of a run without services that is refused at once are its start and its end too', () => {
    const { brief, next } = recordEvents();
    aggregate({}, quiet, withEvents({ next }))({ signal: AbortSignal.abort() }).subscribe({ error: () => undefined });
    expect(brief()).to.deep.equal(['started', 'canceled']);
  });

  it('tell one end, also of a run that would be refused and whose start made its subscriber leave', () => {
    for (const ctx of [{ signal: AbortSignal.abort() }, { deadline: NaN }, background]) {
      const { brief, next } = recordEvents();
      const leaving = new Subject<void>();
      const sink = {
        next: (event: RunEvent) => {
          next(event);
          leaving.next();
        },
      };
      aggregate(
        { a: () => of(1) },
        quiet,
        withEvents(sink),
      )(ctx)
        .pipe(takeUntil(leaving))
        .subscribe();
      expect(brief()).to.deep.equal(['started', 'canceled']);
    }
  });

  it('come before the answer', () => {
    const log: string[] = [];
    aggregate(
      { a: () => of(1) },
      quiet,
      withEvents({ next: ({ type }) => log.push(type) }),
    )(background).subscribe({
      next: () => log.push('next'),
      complete: () => log.push('complete'),
    });
    expect(log).to.deep.equal(['started', 'started', 'succeeded', 'succeeded', 'next', 'complete']);
  });

  it('tell concurrent runs apart by their number', () => {
    const { events, next } = recordEvents();
    const ask = aggregate({}, quiet, withEvents({ next }));
    ask(background).subscribe();
    ask(background).subscribe();
    const [first, , second] = events;
    expect(second?.run).to.be.greaterThan(first?.run ?? Infinity);
    expect(new Set(events.map(({ run }) => run)).size).to.equal(2);
  });

  it('carry the context where nothing prints it', () => {
    const { events, next } = recordEvents();
    const ctx = { propagate: { authorization: 'secret' } };
    aggregate(
      { a: () => throwError(() => boom) },
      quiet,
      withEvents({ next }),
    )(ctx).subscribe({ error: () => undefined });
    expect(events).to.have.length(4);
    for (const event of events) {
      expect(event.ctx).to.equal(ctx);
      expect(Object.keys(event)).not.to.include('ctx');
      expect(JSON.stringify(event)).not.to.include('secret');
    }
  });

  it('hold of an error, as JSON, what a log does', () => {
    const { events, next } = recordEvents();
    const thrown = Object.assign(new Error('secret'), { code: 'E_CODE', request: { headers: { cookie: 'secret' } } });
    aggregate(
      { a: () => throwError(() => thrown) },
      quiet,
      withEvents({ next }),
    )(background).subscribe({ error: () => undefined });
    const [, started, failed] = JSON.parse(JSON.stringify(events)) as object[];
    expect(started).to.deep.equal({ ...events[1] });
    expect(failed).to.deep.equal({ ...events[2], error: { name: 'Error', code: 'E_CODE' } });
    expect(JSON.stringify(events)).not.to.include('secret');
  });

  it('go to every sink, in the order of the options, whatever the others throw', () => {
    const log: string[] = [];
    const subject = new Subject<RunEvent>();
    subject.subscribe(({ type }) => log.push(`third ${type}`));
    const gone = new Subject<RunEvent>();
    gone.unsubscribe();
    let answer: unknown;
    aggregate(
      {},
      quiet,
      withEvents({
        next: ({ type }) => {
          log.push(`first ${type}`);
          throw boom;
        },
      }),
      withEvents(gone),
      withEvents(subject),
    )(background).subscribe((value) => (answer = value));
    expect(answer).to.deep.equal({});
    expect(log).to.deep.equal(['first started', 'third started', 'first succeeded', 'third succeeded']);
  });

  it('may end the run: nothing starts after that', () => {
    for (const [at, expected] of [
      ['started run', ['started', 'canceled']],
      ['started a', ['started', 'started a', 'canceled a', 'canceled']],
      ['succeeded a', ['started', 'started a', 'succeeded a', 'canceled']],
      ['succeeded run', ['started', 'started a', 'succeeded a', 'started b', 'succeeded b', 'succeeded']],
    ] as const) {
      const controller = new AbortController();
      const { next, brief } = recordEvents();
      const told: unknown[] = [];
      const ask = aggregate(
        { a: () => of(1), b: () => of(2) },
        quiet,
        withEvents({
          next: (event) => {
            next(event);
            if (`${event.type} ${event.service ?? 'run'}` === at) controller.abort();
          },
        }),
      );
      ask({ signal: controller.signal }).subscribe({
        next: (value) => told.push(value),
        error: (error: unknown) => told.push(error),
      });
      expect(brief(), at).to.deep.equal(expected);
      expect(told).to.have.length(1);
      if (at !== 'succeeded run') expect(told[0]).to.be.instanceOf(CanceledError);
    }
  });

  it('count no time backwards when the wall clock jumps', () => {
    marbles(({ flush }) => {
      const { events, next } = recordEvents();
      aggregate({ a: () => timer(5) }, quiet, withEvents({ next }))(background).subscribe();
      flush();
      expect(events.every(({ elapsed }) => elapsed >= 0)).to.equal(true);
    });
  });

  describe('of nested runs', () => {
    const inner = (next: (event: RunEvent) => void): ReturnType<typeof aggregate<{ b: () => Observable<number> }>> =>
      aggregate({ b: () => of(1) }, quiet, withName('inner'), withEvents({ next }));

    it('name the run and the service that they were asked in', () => {
      const { events, next } = recordEvents();
      aggregate({ first: inner(next), second: inner(next) }, quiet, withEvents({ next }))(background).subscribe();
      const [{ run } = { run: 0 }] = events;
      const parents = events.filter(({ name }) => name === 'inner').map(({ parent }) => parent);
      expect(parents).to.deep.equal([
        ...Array.from({ length: 4 }, () => ({ run, service: 'first' })),
        ...Array.from({ length: 4 }, () => ({ run, service: 'second' })),
      ]);
      expect(events.filter(({ name }) => name !== 'inner').some((event) => 'parent' in event)).to.equal(false);
    });

    it('name the run alone where they were asked later than the service subscribed', () => {
      marbles(({ flush }) => {
        const { events, next } = recordEvents();
        const late = (ctx: Context): Observable<unknown> => timer(1).pipe(switchMap(() => inner(next)(ctx)));
        aggregate({ late, other: () => timer(2) }, quiet, withEvents({ next }))(background).subscribe();
        flush();
        const [{ run } = { run: 0 }] = events;
        expect(events.find(({ name }) => name === 'inner'))
          .to.have.property('parent')
          .that.deep.equals({ run });
      });
    });

    it('have no parent on a context that was made outside, or whose run is over', () => {
      const { events, next, brief } = recordEvents();
      let kept: Context = background;
      const keep = (ctx: Context): Observable<number> => {
        kept = ctx;
        return of(1);
      };
      aggregate({ keep, outside: () => inner(next)(background) }, quiet)(background).subscribe();
      inner(next)(kept).subscribe();
      expect(brief()).to.have.length(8);
      expect(events.some((event) => 'parent' in event)).to.equal(false);
    });
  });

  describe('around', () => {
    it('holds what follows: a service being asked and subscribed to, the subscriber being notified', () => {
      for (const [service, end] of [
        [of(1), ['next', 'complete']],
        [throwError(() => boom), ['error']],
      ] as const) {
        const log: string[] = [];
        const note = (what: string): void => {
          log.push(what);
        };
        aggregate(
          {
            a: () => {
              note('asked');
              return defer(() => {
                note('subscribed');
                return service;
              });
            },
          },
          quiet,
          withEvents({
            next: ({ type, service: of = 'run' }) => {
              note(`${type} ${of}`);
            },
            around: ({ type, service: of = 'run' }, proceed) => {
              note(`< ${type} ${of}`);
              proceed();
              note('>');
            },
          }),
        )(background).subscribe({
          next: () => {
            note('next');
          },
          error: () => {
            note('error');
          },
          complete: () => {
            note('complete');
          },
        });
        const type = end[0] === 'error' ? 'failed' : 'succeeded';
        const inside = ['asked', 'subscribed', `${type} a`, `${type} run`, `< ${type} run`, ...end, '>'];
        // The failure of a synchronous service ends the run while it is being asked; its success is joined after that.
        expect(log.slice(0, 3)).to.deep.equal(['started run', 'started a', '< started a']);
        expect(log.slice(3, -1)).to.deep.equal(inside);
        expect(log.at(-1)).to.equal('>');
      }
    });

    it('nests in the order of the options, the last outermost', () => {
      const log: string[] = [];
      const named = (name: string): EventSink => ({
        next: () => undefined,
        around: ({ service }, proceed) => {
          if (service !== undefined) log.push(name);
          proceed();
        },
      });
      const ask = aggregate({ a: () => of(1) }, quiet, withEvents(named('first')), withEvents(named('last')));
      ask(background).subscribe();
      expect(log).to.deep.equal(['last', 'first']);
    });

    it('never changes what happens, whatever it does', () => {
      for (const around of [
        () => {
          throw boom;
        },
        () => undefined,
        (_event: RunEvent, proceed: () => void) => {
          proceed();
          proceed();
        },
        (_event: RunEvent, proceed: () => void) => {
          proceed();
          throw boom;
        },
      ]) {
        let asked = 0;
        const told: unknown[] = [];
        aggregate(
          { a: () => of(++asked) },
          quiet,
          withEvents({ next: () => undefined, around }),
        )(background).subscribe({ next: (value) => told.push(value), complete: () => told.push('complete') });
        expect(told).to.deep.equal([{ a: 1 }, 'complete']);
        expect(asked).to.equal(1);
      }
    });

    it('asks no service where it ended the run', () => {
      const controller = new AbortController();
      let asked = false;
      aggregate(
        { a: () => of((asked = true)) },
        quiet,
        withEvents({
          next: () => undefined,
          around: () => {
            controller.abort();
          },
        }),
      )({ signal: controller.signal }).subscribe({ error: () => undefined });
      expect(asked).to.equal(false);
    });
  });
});
