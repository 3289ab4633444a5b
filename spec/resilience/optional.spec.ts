import { SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import { concat, defer, delay, EMPTY, EmptyError, finalize, map, NEVER, type Observable, of, range, retry } from 'rxjs';
import type { Subscription } from 'rxjs';
import { Subject, switchMap, take, throwError, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  background,
  CanceledError,
  type Context,
  DeadlineExceededError,
  fromAbortable,
  hedge,
  optional,
  perRun,
  type RunEvent,
  type Service,
  singleFlight,
  withConcurrency,
  withEvents,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { withTracing } from '../../lib/observe/opentelemetry/index.ts';
import { serverTiming, waterfall } from '../../lib/observe/report/index.ts';
import { marbles, recordEvents, recordingLogger } from '../../lib/testing/index.ts';
import { exporting } from '../support/exported.ts';
import { boom, exceeded, failed, fails } from '../support/services.ts';

const never = (): Observable<never> => NEVER;
const rejected = (reason: unknown): object => ({ status: 'rejected', reason });
const fulfilled = (value: unknown): object => ({ status: 'fulfilled', value });

/** The types and services of events, as `failed ads`. */
function eventLog(): { readonly log: string[]; readonly sink: { next(event: RunEvent): void } } {
  const log: string[] = [];
  const next = (event: RunEvent): void => {
    log.push([event.type, event.service, 'optional' in event && 'optional'].filter(Boolean).join(' '));
  };
  return { log, sink: { next } };
}

describe('optional', () => {
  const later =
    (value: unknown, frames = 2): Service<void, unknown> =>
    () =>
      of(value).pipe(delay(frames));

  describe('in an aggregate', () => {
    const cases: Readonly<Record<string, readonly [Service<void, unknown>, string, unknown]>> = {
      'settles a value': [optional(later('ad')), '--(r|)', fulfilled('ad')],
      'settles an error': [optional(fails), '--(r|)', rejected(boom)],
      'settles a rejected promise it never waits for': [
        optional(() => throwError(() => 'no')),
        '--(r|)',
        rejected('no'),
      ],
      'settles what the service throws': [
        optional(() => {
          throw boom;
        }),
        '--(r|)',
        rejected(boom),
      ],
      'keeps a value that has a fallback': [optional(later('ad'), 'none'), '--(r|)', 'ad'],
      'falls back to a value': [optional(fails, 'none'), '--(r|)', 'none'],
      'falls back to undefined': [optional(fails, undefined), '--(r|)', undefined],
      'falls back to the result of a function': [optional(fails, (error: unknown) => [error]), '--(r|)', [boom]],
    };
    for (const [what, [ads, marble, answer]] of Object.entries(cases)) {
      it(what, () => {
        marbles(({ expectObservable }) => {
          expectObservable(aggregate({ profile: later('Alice'), ads })(background)).toBe(marble, {
            r: { profile: 'Alice', ads: answer },
          });
        });
      });
    }

    it('settles a service that completes without a value as an EmptyError', () => {
      const answers: unknown[] = [];
      aggregate({ ads: optional(() => EMPTY) })(background).subscribe((answer) => answers.push(answer));
      expect(answers).to.have.nested.property('[0].ads.reason').that.is.instanceOf(EmptyError);
    });

    it('passes the input to the service and to the fallback', () => {
      const answers: unknown[] = [];
      const ads = optional(
        (_ctx: Context, id: number) => throwError(() => `no ${String(id)}`),
        (error, id) => [error, id],
      );
      aggregate({ ads })(background, 7).subscribe((answer) => answers.push(answer));
      expect(answers).to.deep.equal([{ ads: ['no 7', 7] }]);
    });

    it('fails the run with what a fallback throws', () => {
      marbles(({ expectObservable }) => {
        const ads = optional(fails, () => {
          throw new Error('wrong');
        });
        expectObservable(aggregate({ profile: never, ads })(background)).toBe(
          '#',
          undefined,
          failed('ads', 0, new Error('wrong')),
        );
      });
    });

    it('fails the run at once with a service that is not optional', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const ads = cold('-----a|');
        const page = aggregate({ profile: () => cold('--#', undefined, boom), ads: optional(() => ads) });
        expectObservable(page(background)).toBe('--#', undefined, failed('profile', 2, boom));
        expectSubscriptions(ads.subscriptions).toBe('^-!');
      });
    });

    it('runs on after the failure of an optional service, which starts the next queued one', () => {
      marbles(({ cold, expectObservable }) => {
        const page = aggregate({ ads: optional(() => cold('--#')), profile: () => cold('--p|') }, withConcurrency(1));
        expectObservable(page(background)).toBe('-----(r|)', { r: { ads: rejected('error'), profile: 'p' } });
      });
    });

    it('has the settled types', () => {
      const page = aggregate({
        ads: optional(() => of(1)),
        news: optional(() => Promise.resolve('a'), 0),
        id: optional((_ctx, id: number) => of(id)),
      });
      page(background, 1).subscribe(({ ads, news, id }) => {
        if (ads.status === 'fulfilled') ads.value satisfies number;
        news satisfies string | number;
        if (id.status === 'fulfilled') id.value satisfies number;
      });
    });
  });

  describe('at the deadline', () => {
    const at = withTimeout(10);

    it('succeeds if only optional services are pending', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const ads = cold('---a---');
        const page = aggregate(
          { profile: later('Alice'), ads: optional(() => ads), news: optional(never, 'none') },
          at,
        );
        const reason = exceeded(10, 'ads', 'news');
        expectObservable(page(background)).toBe('10ms (r|)', {
          r: { profile: 'Alice', ads: rejected(reason), news: 'none' },
        });
        expectSubscriptions(ads.subscriptions).toBe('^---------!');
      });
    });

    it('fails, and names all pending services, if another service is pending', () => {
      marbles(({ expectObservable }) => {
        const page = aggregate({ profile: never, ads: optional(never) }, at);
        expectObservable(page(background)).toBe('10ms #', undefined, exceeded(10, 'profile', 'ads'));
      });
    });

    it('fails with what a fallback throws', () => {
      marbles(({ expectObservable }) => {
        const ads = optional(never, (error) => {
          throw error;
        });
        expectObservable(aggregate({ ads }, at)(background)).toBe(
          '10ms #',
          undefined,
          failed('ads', 10, exceeded(10, 'ads')),
        );
      });
    });

    it('does not start what is queued', () => {
      marbles(({ expectObservable }) => {
        const queued = optional(() => expect.fail('called'), 'none');
        const page = aggregate({ ads: optional(never, 0), queued }, at, withConcurrency(1));
        expectObservable(page(background)).toBe('10ms (r|)', { r: { ads: 0, queued: 'none' } });
      });
    });

    it('tears down and aborts before it reports and notifies', () => {
      marbles(({ flush }) => {
        const { log, sink } = eventLog();
        const ads = optional((ctx) => {
          ctx.signal?.addEventListener('abort', () => log.push('aborted'));
          return never().pipe(finalize(() => log.push('torn down')));
        }, 'none');
        const page = aggregate({ profile: later('Alice'), ads }, at, withEvents(sink));
        page(background).subscribe(() => log.push('notified'));
        flush();
        expect(log.slice(4)).to.deep.equal(['torn down', 'aborted', 'failed ads optional', 'succeeded', 'notified']);
      });
    });

    it('aborts the signal of the service with the error that replaces the value', () => {
      marbles(({ flush }) => {
        const signals: AbortSignal[] = [];
        const reasons: unknown[] = [];
        const ads = optional(
          (ctx) => {
            signals.push(ctx.signal!);
            return NEVER;
          },
          (error) => reasons.push(error),
        );
        for (const join of [aggregate, aggregateLatest]) join({ ads }, at)(background).subscribe();
        aggregateEach(ads, at)(background, [undefined]).subscribe();
        flush();
        expect(reasons).to.have.length(3);
        expect(signals.map(({ reason }) => reason as unknown)).to.deep.equal(reasons);
        for (const reason of reasons) expect(reason).to.be.instanceOf(DeadlineExceededError);
      });
    });

    it('lets a value at the deadline win', () => {
      marbles(({ expectObservable }) => {
        expectObservable(aggregate({ ads: optional(later('ad', 10), 'none') }, at)(background)).toBe('10ms (r|)', {
          r: { ads: 'ad' },
        });
      });
    });

    it('takes the teardown of one service that completes another', () => {
      marbles(({ expectObservable }) => {
        const other = new Subject<string>();
        const ads = optional(
          () =>
            never().pipe(
              finalize(() => {
                other.next('news');
                other.complete();
              }),
            ),
          0,
        );
        const page = aggregate({ ads, news: optional(() => other, 'none') }, at);
        expectObservable(page(background)).toBe('10ms (r|)', { r: { ads: 0, news: 'news' } });
      });
    });

    const places: Readonly<Record<string, (run: Service<void, unknown>) => Service<void, unknown>>> = {
      'a nested run': (run) => run,
      'a nested run behind an operator': (run) => (ctx) => run(ctx).pipe(map((value) => value)),
      'a nested run that starts later': (run) => (ctx) => timer(3).pipe(switchMap(() => run(ctx))),
      'a nested run with the same timeout': (run) => aggregate({ run }, at),
      'a nested run with the signal of fromAbortable': (run) => (ctx) =>
        fromAbortable(ctx, (signal) => run({ ...ctx, signal })),
      'a run two deep': (run) => aggregate({ page: aggregate({ run }) }),
      'an aggregateLatest': (run) => aggregateLatest({ run }),
      perRun: (run) => perRun(run),
    };
    for (const [where, wrap] of Object.entries(places)) {
      it(`succeeds if only optional services are pending in ${where}`, () => {
        marbles(({ expectObservable }) => {
          const inner = aggregate({ orders: later(5), ads: optional(never, 'none') });
          const run = aggregate({ profile: later('Alice'), page: wrap(inner) }, at)(background);
          const answered = run.pipe(map((value) => JSON.stringify(value).includes('"ads":"none"')));
          expectObservable(answered).toBe('10ms (r|)', { r: true });
        });
      });
    }

    it('replaces a nested run that is optional itself', () => {
      marbles(({ expectObservable }) => {
        const page = aggregate({ profile: later('Alice'), page: optional(aggregate({ orders: never })) }, at);
        const r = { profile: 'Alice', page: rejected(exceeded(10, 'page')) };
        expectObservable(page(background)).toBe('10ms (r|)', { r });
      });
    });

    it('fails a run that starts after its deadline, without a call', () => {
      marbles(({ expectObservable }) => {
        const page = aggregate({ ads: optional(() => expect.fail('called')) });
        expectObservable(page({ deadline: -1 })).toBe('#', undefined, exceeded(0, 'ads'));
      });
    });
  });

  describe('in an aggregateLatest', () => {
    it('emits the error as the value of the service', () => {
      marbles(({ cold, expectObservable }) => {
        const page = aggregateLatest({ profile: () => cold('-p---q|'), ads: optional(() => cold('--a#')) });
        expectObservable(page(background)).toBe('-abc-d|', {
          a: { profile: 'p' },
          b: { profile: 'p', ads: fulfilled('a') },
          c: { profile: 'p', ads: rejected('error') },
          d: { profile: 'q', ads: rejected('error') },
        });
      });
    });

    it('unsubscribes at the deadline from those without a value, and continues with the others', () => {
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const ads = cold('---------------a');
        const page = aggregateLatest(
          { profile: () => cold('p-----------q|'), ads: optional(() => ads, 'none') },
          withTimeout(10),
        );
        expectObservable(page(background)).toBe('a 9ms b-c|', {
          a: { profile: 'p' },
          b: { profile: 'p', ads: 'none' },
          c: { profile: 'q', ads: 'none' },
        });
        expectSubscriptions(ads.subscriptions).toBe('^---------!');
      });
    });
  });

  describe('in an aggregateEach', () => {
    it('settles each failure by itself', () => {
      marbles(({ cold, expectObservable }) => {
        const sources = [cold('-a|'), cold('--#', undefined, boom), cold('-------')];
        const each = aggregateEach(
          optional(
            (_ctx, index: number) => sources[index]!,
            (_error, index) => index,
          ),
          withTimeout(5),
        );
        expectObservable(each(background, [0, 1, 2])).toBe('-----(r|)', { r: ['a', 1, 2] });
      });
    });
  });

  describe('a cancellation', () => {
    it('by the caller stays one', () => {
      const caller = new AbortController();
      const errors: unknown[] = [];
      aggregate({ ads: optional(never, 'none') })(caller).subscribe({ error: (error) => errors.push(error) });
      caller.abort('left');
      expect(errors).to.have.length(1);
      expect(errors[0]).to.be.instanceOf(CanceledError).and.have.property('cause', 'left');
    });

    it('of a CanceledError that the service makes is a failure', () => {
      const error = new CanceledError();
      const answers: unknown[] = [];
      aggregate({ ads: optional(() => throwError(() => error)) })(background).subscribe((answer) =>
        answers.push(answer),
      );
      expect(answers).to.deep.equal([{ ads: rejected(error) }]);
    });

    it('by a signal of the service is a failure', () => {
      const own = new AbortController();
      const answers: unknown[] = [];
      const inner = aggregate({ slow: never });
      const page = aggregate({ ads: optional((ctx) => inner({ ...ctx, signal: own.signal })) });
      page(background).subscribe((answer) => answers.push(answer));
      own.abort(boom);
      expect(answers).to.deep.equal([{ ads: rejected(boom) }]);
    });

    it('aborts the signal of the service when the service fails, and no other', () => {
      const signals: AbortSignal[] = [];
      const keep = (source: Observable<unknown>) => (ctx: Context) => {
        signals.push(ctx.signal!);
        return source;
      };
      const page = aggregate({ ads: optional(keep(throwError(() => boom))), profile: keep(NEVER) });
      const subscription = page(background).subscribe();
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, false]);
      expect(signals[0]).to.have.property('reason', boom);
      subscription.unsubscribe();
    });

    it('aborts the signal of the service with the reason of the run when the run ends', () => {
      const reasonsWhen = (end: (start: (sibling: Service<void, unknown>, ctx?: Context) => Subscription) => void) => {
        const signals: AbortSignal[] = [];
        const wait = ({ signal }: Context): Observable<never> => {
          signals.push(signal!);
          return NEVER;
        };
        const ignored = { error: () => undefined };
        end((sibling, ctx = background) =>
          aggregate({ ads: optional(wait), profile: wait, sibling })(ctx).subscribe(ignored),
        );
        return signals.map(({ reason }) => reason as unknown);
      };
      for (const end of [
        (start) => start(fails),
        (start) => {
          start(never).unsubscribe();
        },
        (start) => {
          const controller = new AbortController();
          start(never, { signal: controller.signal });
          controller.abort(boom);
        },
      ] satisfies Parameters<typeof reasonsWhen>[0][]) {
        const [ofOptional, ofRun] = reasonsWhen(end);
        expect(ofOptional).to.be.instanceOf(Error).and.equal(ofRun);
      }
    });

    it('does not abort the signal of a service that has answered', () => {
      let signal: AbortSignal | undefined;
      aggregate({ ads: optional((ctx) => of((signal = ctx.signal))) })(background).subscribe();
      expect(signal).to.have.property('aborted', false);
    });
  });

  describe('reports the failure', () => {
    it('by an event, while the run succeeds', () => {
      const { log, sink } = eventLog();
      aggregate({ ads: optional(fails), profile: () => of('Alice') }, withEvents(sink))(background).subscribe();
      const profile = ['started profile', 'succeeded profile'];
      expect(log).to.deep.equal(['started', 'started ads', 'failed ads optional', ...profile, 'succeeded']);
    });

    it('by one log line at warn, also without debug lines', () => {
      for (const isLevelEnabled of [() => true, () => false]) {
        const logger = { ...recordingLogger(), isLevelEnabled };
        aggregate({ ads: optional(fails), profile: () => of('Alice') }, withLogger(logger))(background).subscribe();
        const lines = logger.lines.filter(({ level }) => level !== 'debug');
        expect(lines).to.have.length(1);
        expect(lines[0]).to.deep.include({ level: 'warn', message: 'service failed' });
        expect(lines[0]?.fields).to.deep.include({ service: 'ads' });
      }
    });

    it('by spans, in the waterfall and in Server-Timing', () => {
      const { provider, spans } = exporting();
      const recorded = recordEvents();
      const services = { ads: optional(fails), news: optional(never, []) };
      const page = aggregate(services, withTimeout(5), withTracing(provider.getTracer('a')), withEvents(recorded));
      marbles(({ flush }) => {
        page(background).subscribe();
        flush();
      });
      expect(spans.map(({ name, status }) => [name, status.code])).to.deep.equal([
        ['aggregate ads', SpanStatusCode.ERROR],
        ['aggregate news', SpanStatusCode.ERROR],
        ['aggregate', SpanStatusCode.UNSET],
      ]);
      expect(waterfall(recorded.events)).to.match(/ok\n.* failed: Error\n.* deadline exceeded$/);
      expect(serverTiming(recorded.events)).to.equal(
        'total;dur=5, ads;dur=0;desc="failed", news;dur=5;desc="deadline exceeded"',
      );
    });

    it('as a failure of the run if the fallback throws', () => {
      const { log, sink } = eventLog();
      const ads = optional(fails, () => {
        throw boom;
      });
      aggregate({ ads }, withEvents(sink))(background).subscribe({ error: () => undefined });
      expect(log).to.deep.equal(['started', 'started ads', 'failed ads', 'failed']);
    });
  });

  describe('together with other combinators', () => {
    it('settles the error of the last attempt', () => {
      marbles(({ cold, expectObservable }) => {
        const ads = (last: string): Observable<string> => {
          const attempts = [cold('-#'), cold(last)];
          return defer(() => attempts.shift()!);
        };
        const retried = ads('-#');
        const hedged = ads('-a|');
        const page = aggregate({
          retried: optional(() => retried.pipe(retry(1))),
          hedged: optional(() => hedged.pipe(hedge({ after: 0 }))),
        });
        expectObservable(page(background)).toBe('--(r|)', {
          r: { retried: rejected('error'), hedged: fulfilled('a') },
        });
      });
    });

    for (const [name, share] of Object.entries({ perRun, singleFlight })) {
      it(`shares one call by ${name}`, () => {
        let calls = 0;
        const ads = share(() =>
          concat(
            timer(1).pipe(map(() => ++calls)),
            throwError(() => boom),
          ),
        );
        const page = aggregate({ a: optional(ads), b: optional(ads, 'none'), c: share(optional(() => of(1))) });
        marbles(({ expectObservable }) => {
          const r = { a: rejected(boom), b: 'none', c: fulfilled(1) };
          expectObservable(page(background)).toBe('-(r|)', { r });
        });
        expect(calls).to.equal(1);
      });
    }

    it('settles outside an aggregate too, apart from a cancellation', () => {
      const seen: unknown[] = [];
      const record = { next: (value: unknown) => seen.push(value), error: (error: unknown) => seen.push(error) };
      const canceled = new CanceledError();
      for (const source of [of(1), throwError(() => boom), throwError(() => canceled)]) {
        optional(() => source)(background).subscribe(record);
      }
      expect(seen).to.deep.equal([fulfilled(1), rejected(boom), canceled]);
    });

    it('emits all values of the service outside an aggregate, and stops an endless one', () => {
      marbles(({ cold, expectObservable }) => {
        expectObservable(optional(() => cold('-a-b-#'), 'none')(background)).toBe('-a-b-(n|)', {
          a: 'a',
          b: 'b',
          n: 'none',
        });
      });
      const first: unknown[] = [];
      optional(
        () => range(0, Infinity),
        0,
      )(background)
        .pipe(take(1))
        .subscribe((value) => first.push(value));
      expect(first).to.deep.equal([0]);
    });
  });

  it('rejects what is not a service', () => {
    expect(() => optional(of(1) as never)).to.throw(
      TypeError,
      'optional: service: expected a function, got an instance of Observable',
    );
  });
});
