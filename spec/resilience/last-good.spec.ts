import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { asyncScheduler, concat, defer, EMPTY, NEVER, Observable, of, retry, throwError, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  background,
  CanceledError,
  type Context,
  DeadlineExceededError,
  type Fetch,
  lastGood,
  type LastGoodConfig,
  optional,
  perRun,
  type Service,
  singleFlight,
  withConcurrency,
  withEvents,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, recordEvents, recordingLogger } from '../../lib/testing/index.ts';

const boom = new Error('boom');
const minute = 60_000;

/** A service whose next call returns the next source, and then the last one again. */
function calls<T>(...sources: readonly Observable<T>[]): Service<unknown, T> {
  let call = 0;
  return () => defer(() => sources[Math.min(call++, sources.length - 1)]!);
}

const failing = throwError(() => boom);

/** Calls the service for each caller, one after the other, and returns the values and the messages of errors. */
function answersOf(service: Service<never, unknown>, callers: readonly (readonly [Context, unknown?])[]): unknown[] {
  const answers: unknown[] = [];
  for (const [ctx, input] of callers) {
    service(ctx, input as never).subscribe({
      next: (value) => answers.push(value),
      error: (error: Error) => answers.push(error.message),
    });
  }
  return answers;
}

describe('lastGood', () => {
  it('emits the last value of the service, and in place of a later failure emits it again', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const fresh = cold('--a-b|');
      const late = cold('   ---c--#', undefined, boom);
      const service = lastGood(calls(fresh, late), { maxAge: minute });
      expectObservable(service(background)).toBe('-----(b|)');
      expectObservable(service(background), '------^').toBe('------------(b|)');
      expectSubscriptions(late.subscriptions).toBe('------^-----!');
    });
  });

  it('errors with the error of the service if there is no good answer for its input', () => {
    const service = lastGood((_ctx: Context, id: number) => (id === 1 ? of('one') : failing), { maxAge: minute });
    expect(
      answersOf(service, [
        [background, 1],
        [background, 2],
        [background, 1],
      ]),
    ).to.deep.equal(['one', 'boom', 'one']);
  });

  it('does not replace a service that completes without a value', () => {
    const service = lastGood(calls<string>(of('a'), EMPTY), { maxAge: minute });
    marbles(({ expectObservable }) => {
      expectObservable(service(background)).toBe('(a|)');
      expectObservable(service(background), '-^').toBe('-|');
    });
  });

  it('keeps an answer for maxAge, and no longer', () => {
    const service = lastGood(calls(of('a'), failing), { maxAge: 5 });
    marbles(({ expectObservable }) => {
      expectObservable(service(background)).toBe('(a|)');
      expectObservable(service(background), '-----^').toBe('-----(a|)');
      expectObservable(service(background), '------^').toBe('------#', undefined, boom);
    });
  });

  it('emits in the millisecond of the deadline, before the run fails, and unsubscribes from the service', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const slow = cold('2s (b|)');
      const page = aggregate(
        { orders: lastGood(calls(of('a'), slow), { maxAge: minute }), profile: () => of('Alice') },
        withTimeout(1_000),
      );
      const answer = { a: { orders: 'a', profile: 'Alice' } };
      expectObservable(page(background)).toBe('(a|)', answer);
      expectObservable(page(background), '-^').toBe('- 1s (a|)', answer);
      expectSubscriptions(slow.subscriptions).toBe('-^ 999ms !');
    });
  });

  it('leaves the deadline to the run if there is no good answer, or if another service is pending', () => {
    marbles(({ cold, expectObservable }) => {
      const late = (pending: string): DeadlineExceededError =>
        new DeadlineExceededError({ pending: [pending], elapsed: 5 });
      const none = aggregate({ orders: lastGood(() => NEVER, { maxAge: minute }) }, withTimeout(5));
      expectObservable(none(background)).toBe('-----#', undefined, late('orders'));
      const service = lastGood(calls<string>(of('a'), NEVER), { maxAge: minute });
      service(background).subscribe();
      const other = cold('-');
      const two = aggregate({ orders: service, other: () => other }, withTimeout(5));
      expectObservable(two(background)).toBe('-----#', undefined, late('other'));
    });
  });

  it('prefers a value at the deadline', () => {
    marbles(({ expectObservable }) => {
      const service = lastGood(calls<string | number>(of('old'), timer(5)), { maxAge: minute });
      service(background).subscribe();
      expectObservable(aggregate([service], withTimeout(5))(background)).toBe('-----(a|)', { a: [0] });
    });
  });

  it('emits at the deadline in nested runs, in all joins, in perRun and around a single flight', () => {
    const joins: Readonly<Record<string, (service: Service<void, string>) => Service<void, unknown>>> = {
      aggregate: (service) => aggregate({ service }, withTimeout(5)),
      nested: (service) => aggregate({ inner: aggregate({ service }) }, withTimeout(5)),
      'nested with a sooner deadline': (service) =>
        aggregate({ inner: aggregate({ service }, withTimeout(5)) }, withTimeout(9)),
      aggregateLatest: (service) => aggregateLatest({ service }, withTimeout(5)),
      aggregateEach: (service) => (ctx: Context) => aggregateEach((each) => service(each), withTimeout(5))(ctx, [1]),
      perRun: (service) => aggregate({ service: perRun(service) }, withTimeout(5)),
      queued: (service) => aggregate({ first: service, second: service }, withConcurrency(1), withTimeout(5)),
    };
    for (const [name, join] of Object.entries(joins)) {
      marbles(({ flush }) => {
        const service = lastGood(singleFlight(calls<string>(of('good'), NEVER)) as Service<void, string>, {
          maxAge: minute,
        });
        service(background).subscribe();
        const notified: unknown[] = [];
        join(service)(background).subscribe({
          next: (value: unknown) => notified.push([asyncScheduler.now(), JSON.stringify(value)]),
          error: (error: unknown) => notified.push(error),
          complete: () => notified.push('complete'),
        });
        flush();
        expect(notified, name).to.have.length(2);
        expect(notified[0], name).to.satisfy(([at, text]: [number, string]) => at === 5 && text.includes('good'));
      });
    }
  });

  it('comes before the fallback of an optional service, and beside optional services that are pending', () => {
    marbles(({ expectObservable }) => {
      const service = lastGood(calls<string>(of('a'), NEVER), { maxAge: minute });
      service(background).subscribe();
      const page = aggregate(
        { ads: optional(() => NEVER, 'none'), orders: optional(() => service(background), 'none'), service },
        withTimeout(5),
      );
      expectObservable(page(background)).toBe('-----(a|)', { a: { ads: 'none', orders: 'none', service: 'a' } });
      const inside = aggregate({ orders: optional(service, 'none') }, withTimeout(5));
      expectObservable(inside(background)).toBe('-----(a|)', { a: { orders: 'a' } });
    });
  });

  it('replaces a whole page that fails or is late', () => {
    marbles(({ expectObservable }) => {
      const source = calls<string>(of('a'), NEVER, failing);
      const page = lastGood(aggregate({ source: (ctx) => source(ctx, undefined) }, withTimeout(5)), { maxAge: minute });
      expectObservable(page(background)).toBe('(a|)', { a: { source: 'a' } });
      expectObservable(page(background), '-^').toBe('------(a|)', { a: { source: 'a' } });
      expectObservable(page(background), '--^').toBe('--(a|)', { a: { source: 'a' } });
    });
  });

  it('emits at ctx.deadline outside a run, and at a deadline that is sooner than that of its run', () => {
    marbles(({ expectObservable }) => {
      const service = lastGood(calls<string>(of('a'), NEVER), { maxAge: minute });
      service(background).subscribe();
      expectObservable(service({ deadline: 5 })).toBe('-----(a|)');
      expectObservable(aggregate([(ctx) => service({ ...ctx, deadline: 5 })], withTimeout(9))(background)).toBe(
        '-----(a|)',
        { a: ['a'] },
      );
      expectObservable(service({ deadline: Infinity }), '^ 60m !').toBe('-');
      expectObservable(service({ deadline: 2 ** 40 }), '^ 60m !').toBe('-');
    });
  });

  it('tears down and aborts the service before it emits at the deadline', () => {
    const log: string[] = [];
    const slow = (ctx: Context): Observable<string> =>
      new Observable<string>(() => {
        ctx.signal?.addEventListener('abort', () => log.push('aborted'));
        return () => log.push('torn down');
      });
    let up = true;
    const service = lastGood((ctx: Context) => (up ? of('a') : slow(ctx)), { maxAge: minute });
    marbles(({ flush }) => {
      service(background).subscribe();
      up = false;
      aggregate([service], withTimeout(5))(background).subscribe((value) => log.push(String(value)));
      flush();
    });
    expect(log).to.deep.equal(['torn down', 'aborted', 'a']);
  });

  it('emits although the teardown of the service throws, which the run reports', () => {
    const torn = new Observable<string>(() => () => {
      throw boom;
    });
    const recorded = recordEvents();
    const service = lastGood(calls<string>(of('a'), torn), { maxAge: minute });
    marbles(({ expectObservable }) => {
      service(background).subscribe();
      expectObservable(aggregate({ service }, withTimeout(5), withEvents(recorded))(background)).toBe('-----(a|)', {
        a: { service: 'a' },
      });
    });
    expect(recorded.brief()).to.include('teardown-failed service');
  });

  it('replaces no cancellation: of the signal, of the subscriber, or of a service', () => {
    const canceled = new CanceledError();
    marbles(({ expectObservable, flush }) => {
      const service = lastGood(
        calls<string>(
          of('a'),
          NEVER,
          throwError(() => canceled),
        ),
        { maxAge: minute },
      );
      service(background).subscribe();
      const controller = new AbortController();
      asyncScheduler.schedule(() => {
        controller.abort('bye');
      }, 3);
      const page = aggregate({ service }, withTimeout(5));
      expectObservable(page({ signal: controller.signal })).toBe(
        '---#',
        undefined,
        new CanceledError({ cause: 'bye' }),
      );
      expectObservable(service(background)).toBe('#', undefined, canceled);
      flush();
    });
    const { signal } = new AbortController();
    let up = true;
    const reads: string[] = [];
    const answering = lastGood(() => (up ? of('a') : NEVER), { maxAge: minute });
    answering({ signal }).subscribe();
    up = false;
    answering({ signal })
      .subscribe((value) => reads.push(value))
      .unsubscribe();
    answering({ signal: AbortSignal.abort() }).subscribe({
      next: (value) => reads.push(value),
      error: (error: Error) => reads.push(error.name),
    });
    expect(reads).to.deep.equal(['CanceledError']);
  });

  it('keeps the answer to the later of two calls, whichever answers last', () => {
    marbles(({ cold, expectObservable }) => {
      const [older, newer, down] = [cold('-----(a|)'), cold('--(b|)'), cold('#', undefined, boom)];
      const service = lastGood(calls(older, newer, down), { maxAge: minute });
      expectObservable(service(background)).toBe('-----(a|)');
      expectObservable(service(background), '-^').toBe('---(b|)');
      expectObservable(service(background), '------^').toBe('------(b|)');
    });
  });

  it('keeps at most the given number of answers, and drops the oldest', () => {
    let up = true;
    const service = lastGood((_ctx: Context, id: number) => (up ? of(id) : failing), { maxAge: minute, most: 2 });
    const ask = (...ids: readonly number[]): unknown[] =>
      answersOf(
        service,
        ids.map((id) => [background, id]),
      );
    ask(1, 2, 1, 3);
    up = false;
    expect(ask(1, 2, 3)).to.deep.equal([1, 'boom', 3]);
  });

  it('drops answers that are too old when it keeps another one', () => {
    let up = true;
    const service = lastGood((_ctx: Context, id: number) => (up ? of(id) : failing), { maxAge: 5, most: 2 });
    marbles(({ flush }) => {
      for (const [id, at] of [1, 7, 8].entries()) {
        asyncScheduler.schedule(() => service(background, id).subscribe(), at);
      }
      asyncScheduler.schedule(() => {
        up = false;
        expect(
          answersOf(service, [
            [background, 0],
            [background, 1],
            [background, 2],
          ]),
        ).to.deep.equal(['boom', 1, 2]);
      }, 9);
      flush();
    });
  });

  it('keeps the answers of inputs and contexts that differ apart, credentials above all', () => {
    const fetch: Fetch = () => expect.fail('called');
    const contexts: readonly Context[] = [
      background,
      { propagate: { authorization: 'a' } },
      { propagate: { authorization: 'b' } },
      { propagate: { cookie: 'a' } },
      { fetch },
      { tenant: 'a' } as Context,
    ];
    let up = true;
    const service = lastGood(
      (ctx: Context, id: string | number) =>
        up
          ? of(
              `${String(contexts.findIndex((each) => each.propagate === ctx.propagate && each.fetch === ctx.fetch && 'tenant' in each === 'tenant' in ctx))} ${typeof id}`,
            )
          : failing,
      { maxAge: minute },
    );
    const callers = contexts.flatMap((ctx) => ['1', 1].map((id) => [ctx, id] as const));
    const fresh = answersOf(service, callers);
    expect(new Set(fresh)).to.have.length(callers.length);
    up = false;
    expect(answersOf(service, callers)).to.deep.equal(fresh);
    expect(answersOf(service, [[{ propagate: { authorization: 'c' } }, 1]])).to.deep.equal(['boom']);
  });

  it('ignores signals and deadlines, and all fields but those that vary returns', () => {
    const config: LastGoodConfig = { maxAge: minute, vary: ({ propagate }) => propagate?.['authorization'] };
    const service = lastGood(calls(of('a'), failing), config);
    const ctx = (id: string, authorization: string): Context => ({
      propagate: { authorization, 'x-request-id': id },
      signal: new AbortController().signal,
      deadline: 4e12,
    });
    expect(answersOf(service, [[ctx('1', 'a')], [ctx('2', 'a')], [ctx('3', 'b')]])).to.deep.equal(['a', 'a', 'boom']);
  });

  it('reports each answer in place of the service: event, log line, JSON', () => {
    marbles(({ flush }) => {
      const recorded = recordEvents();
      const logger = recordingLogger();
      const service = lastGood(calls<string>(of('a'), failing, NEVER), { maxAge: minute });
      const page = aggregate({ service }, withTimeout(5), withEvents(recorded), withLogger(logger));
      service(background).subscribe();
      asyncScheduler.schedule(() => page(background).subscribe(), 2);
      asyncScheduler.schedule(() => page(background).subscribe(), 3);
      flush();
      expect(recorded.brief()).to.deep.equal([
        ...['started', 'started service', 'stale service', 'succeeded service', 'succeeded'],
        ...['started', 'started service', 'stale service', 'succeeded service', 'succeeded'],
      ]);
      const [first, second] = recorded.events.filter(({ type }) => type === 'stale');
      expect(first).to.include({ type: 'stale', error: boom, age: 2, at: 2, elapsed: 0 });
      expect(second).to.include({ type: 'stale', age: 8, at: 8, elapsed: 5 });
      expect(JSON.parse(JSON.stringify(second))).to.deep.include({
        age: 8,
        error: {
          ...{ name: 'DeadlineExceededError', code: 'ERR_DEADLINE_EXCEEDED', pending: ['service'], elapsed: 5 },
          message: 'context deadline exceeded after 5 ms, pending: service',
        },
      });
      const warnings = logger.lines.filter(({ level }) => level === 'warn');
      expect(warnings.map(({ message, fields }) => [message, fields['service'], fields['age']])).to.deep.equal([
        ['stale answer', 'service', 2],
        ['stale answer', 'service', 8],
      ]);
    });
  });

  it('writes its line to a logger without debug lines', () => {
    const logger = recordingLogger();
    const service = lastGood(calls(of('a'), failing), { maxAge: minute });
    const page = aggregate({ service }, withLogger({ ...logger, isLevelEnabled: () => false }));
    for (let times = 0; times < 2; times++) page(background).subscribe();
    expect(logger.lines.map(({ message }) => message)).to.deep.equal(['stale answer']);
  });

  it('answers once for each subscription, also of a retry', () => {
    const service = lastGood(calls(failing, of('a'), failing), { maxAge: minute });
    const answers: unknown[] = [];
    const answer = service(background).pipe(retry(1));
    concat(answer, answer).subscribe((value) => answers.push(value));
    expect(answers).to.deep.equal(['a', 'a']);
  });

  it('errors with what a key or a vary throws or returns by mistake', () => {
    const message = (config: object, input: unknown): unknown =>
      answersOf(
        lastGood(() => of('a'), { maxAge: 1, ...config } as never),
        [[background, input]],
      )[0];
    expect(message({}, {})).to.equal(
      'lastGood: input: expected a primitive, got an instance of Object: pass a key, such as { key: (input) => input.id }',
    );
    expect(message({ vary: () => ({}) }, 1)).to.equal(
      'lastGood: vary: expected to return a primitive, got an instance of Object: return a string or a number',
    );
    const thrower = (): never => {
      throw boom;
    };
    expect(message({ vary: thrower }, 1)).to.equal('boom');
    expect(message({ key: thrower }, 1)).to.equal('boom');
  });

  it('errors for an invalid context, also if there is a good answer', () => {
    const service = lastGood(() => of('a'), { maxAge: minute });
    service(background).subscribe();
    expect(answersOf(service, [[null as never]])).to.deep.equal([
      'ctx: expected a context, got null: pass background or { signal }',
    ]);
  });

  it('infers the input, the value and the context', () => {
    interface TenantContext extends Context {
      readonly tenant: string;
    }
    const service = lastGood(async (ctx: TenantContext, id: number) => Promise.resolve(ctx.tenant + String(id)), {
      maxAge: minute,
      vary: ({ tenant }) => tenant,
    });
    expectTypeOf(service).toEqualTypeOf<Service<number, string, TenantContext>>();
    // @ts-expect-error -- objects need a key
    lastGood((_ctx: Context, user: { id: number }) => of(user.id), { maxAge: minute });
  });

  it('refuses a bad configuration', () => {
    const service = (): Observable<string> => of('a');
    const make =
      (config: object, of: unknown = service) =>
      (): unknown =>
        lastGood(of as never, config as never);
    expect(make({ maxAge: 1 }, null)).to.throw(TypeError, 'lastGood: service: expected a function, got null');
    expect(make({ maxAge: 1, key: 'id' })).to.throw(TypeError, 'lastGood: key: expected a function, got a string');
    expect(make({ maxAge: 1, vary: 'id' })).to.throw(TypeError, 'lastGood: vary: expected a function, got a string');
    expect(make(undefined as never)).to.throw(
      RangeError,
      'lastGood: maxAge: expected finite milliseconds above 0, got',
    );
    for (const maxAge of [0, -1, NaN, Infinity, '1', undefined]) {
      expect(make({ maxAge })).to.throw(RangeError, 'lastGood: maxAge: expected finite milliseconds above 0, got');
    }
    for (const most of [0, 1.5, Infinity]) {
      expect(make({ maxAge: 1, most })).to.throw(RangeError, 'lastGood: most: expected a positive integer, got');
    }
    for (const store of [null, {}, { get: () => undefined }]) {
      expect(make({ maxAge: 1, store, name: 'a' })).to.throw(TypeError, 'lastGood: store: expected get and set, got');
    }
    expect(make({ maxAge: 1, store: new Map(), name: 5 })).to.throw(
      TypeError,
      'lastGood: name: expected a string, got 5',
    );
  });
});
