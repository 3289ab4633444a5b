import { expect } from 'chai';
import { NEVER, Observable, of, retry, Subject, throwError } from 'rxjs';
import {
  aggregate,
  background,
  CanceledError,
  type Context,
  type Fetch,
  type Service,
  silent,
  singleFlight,
  withLogger,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

/** A service that never answers, and what was asked of it. */
function asked(): {
  readonly inputs: unknown[];
  readonly contexts: Context[];
  readonly gone: string[];
  readonly service: Service<never, never>;
} {
  const inputs: unknown[] = [];
  const contexts: Context[] = [];
  const gone: string[] = [];
  const service = (ctx: Context, input: unknown): Observable<never> =>
    new Observable(() => {
      inputs.push(input);
      contexts.push(ctx);
      ctx.signal?.addEventListener('abort', () => gone.push('aborted'));
      return () => gone.push('torn down');
    });
  return { inputs, contexts, gone, service };
}

describe('singleFlight', () => {
  it('shares one run among those who ask at the same time, and asks again afterwards', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('---a|');
      const ask = singleFlight(() => source);
      expectObservable(ask(background)).toBe('----(a|)');
      expectObservable(ask(background), '--^').toBe('----(a|)');
      expectObservable(ask(background), '------^').toBe('----------(a|)');
      expectSubscriptions(source.subscriptions).toBe(['^---!', '------^---!']);
    });
  });

  it('is detached: no deadline, and a signal that aborts when the last who waits has gone', () => {
    const { contexts, gone, service } = asked();
    const ask = singleFlight(service as Service<void, never>);
    const controller = new AbortController();
    const told: unknown[] = [];
    ask({ signal: controller.signal, deadline: 5 }).subscribe({ error: (error: unknown) => told.push(error) });
    const other = ask(background).subscribe();
    expect(contexts).to.have.length(1);
    expect(contexts[0]).not.to.have.property('deadline');
    controller.abort('bye');
    expect(told[0]).to.be.instanceOf(CanceledError).and.have.property('cause', 'bye');
    expect(gone).to.deep.equal([]);
    other.unsubscribe();
    expect(gone).to.deep.equal(['torn down', 'aborted']);
    ask(background).subscribe().unsubscribe();
    expect(contexts).to.have.length(2);
  });

  it('gives an error to all, and does not keep it: who retries asks again, once', () => {
    const failing: Subject<number>[] = [];
    const ask = singleFlight(() => {
      const next = new Subject<number>();
      failing.push(next);
      return next;
    });
    const told: unknown[] = [];
    ask(background)
      .pipe(retry(1))
      .subscribe((value) => told.push(value));
    ask(background)
      .pipe(retry(1))
      .subscribe((value) => told.push(value));
    failing[0]!.error(boom);
    expect(failing).to.have.length(2);
    ask(background).subscribe((value) => told.push(value)); // who comes now joins the second flight
    expect(failing).to.have.length(2);
    failing[1]!.next(1);
    failing[1]!.complete();
    expect(told).to.deep.equal([1, 1, 1]);
  });

  it('answers who asks synchronously', () => {
    const told: unknown[] = [];
    const ask = singleFlight((_ctx, id: number) => of(id));
    ask(background, 1).subscribe((value) => told.push(value));
    ask(background, 2).subscribe((value) => told.push(value));
    expect(told).to.deep.equal([1, 2]);
  });

  it('tells inputs apart by value and type', () => {
    const { inputs, service } = asked();
    const ask = singleFlight(service as Service<string | number | bigint | boolean | symbol | null | undefined, never>);
    const symbol = Symbol('a');
    const different = [
      1,
      '1',
      1n,
      2n,
      true,
      'true',
      null,
      'null',
      undefined,
      NaN,
      'NaN',
      symbol,
      Symbol('a'),
      'symbol 1',
      '1n',
    ];
    for (const input of different) ask(background, input).subscribe();
    expect(inputs).to.deep.equal(different);
    for (const input of [1, NaN, symbol, undefined]) ask(background, input).subscribe();
    expect(inputs).to.have.length(different.length);
  });

  it('never shares across credentials: all of a context counts but the signal and the deadline', () => {
    const { contexts, service } = asked();
    const ask = singleFlight(service as Service<void, never>);
    const tenant = { id: 1 };
    const mark = Symbol('mark');
    const same: object[] = [
      { propagate: { authorization: 'a', b: '1' }, tenant },
      { tenant, propagate: { b: '1', authorization: 'a' }, deadline: 9, user: undefined },
    ];
    for (const ctx of same) ask(ctx).subscribe();
    expect(contexts).to.have.length(1);
    const turned: object[] = [
      { tenant, user: 'x' },
      { user: 'x', tenant },
    ];
    for (const ctx of turned) ask(ctx).subscribe();
    expect(contexts).to.have.length(2);
    const different: object[] = [
      background,
      { propagate: { authorization: 'b', b: '1' }, tenant },
      { propagate: { authorization: 'a', b: '1' }, tenant: { id: 1 } },
      { propagate: { authorization: 'a', b: '1' }, tenant, user: 'x' },
      { propagate: { authorization: 'a', b: '1' }, tenant, [mark]: 1 },
      { propagate: { authorization: 'a', b: '1', c: '' }, tenant },
      { propagate: { 'authorization" "a': '' } },
    ];
    for (const ctx of different) ask(ctx).subscribe();
    expect(contexts).to.have.length(2 + different.length);
  });

  it('never shares across transports, even such as read alike', () => {
    const { contexts, service } = asked();
    const ask = singleFlight(service as Service<void, never>);
    const transport = (): Fetch => () => expect.fail('asked');
    for (const fetch of [transport(), transport()]) for (const ctx of [{ fetch }, { fetch }]) ask(ctx).subscribe();
    expect(contexts).to.have.length(2);
  });

  it('refuses headers that only a loop can tell apart: they are no record', () => {
    const { contexts, service } = asked();
    const ask = singleFlight(service as Service<void, never>);
    for (const [propagate, what] of [
      [new Headers({ authorization: 'a' }), 'an instance of Headers'],
      [new Map([['authorization', 'a']]), 'an instance of Map'],
      [[['authorization', 'a']], 'an instance of Array'],
      ['authorization: a', 'a string'],
      [null, 'null'],
    ] as const) {
      let told: unknown;
      ask({ propagate } as never).subscribe({ error: (error: unknown) => (told = error) });
      expect(told).to.be.instanceOf(TypeError);
      expect((told as TypeError).message).to.equal(
        `ctx.propagate must be a record, not ${what}: pass Object.fromEntries(headers)`,
      );
    }
    expect(contexts).to.deep.equal([]);
  });

  it('needs a key for an object, which replaces only the part of the input', () => {
    const { inputs, service } = asked();
    const wide = service as unknown as Service<{ id: number }, never>;
    // @ts-expect-error an object needs a key
    const keyless = singleFlight(wide) as unknown as typeof wide;
    let told: unknown;
    keyless(background, { id: 1 }).subscribe({ error: (error: unknown) => (told = error) });
    expect(told).to.be.instanceOf(TypeError).and.have.property('message').that.includes('key: (input)');
    (keyless as Service<unknown, never>)(background, () => 1).subscribe({ error: (error: unknown) => (told = error) });
    expect(told)
      .to.be.instanceOf(TypeError)
      .and.have.property('message', 'singleFlight: a function is no key: give { key: (input) => a primitive }');
    expect(inputs).to.deep.equal([]);
    const ask = singleFlight(wide, { key: ({ id }) => id });
    ask(background, { id: 1 }).subscribe();
    ask(background, { id: 1 }).subscribe();
    ask({ propagate: { a: 'b' } }, { id: 1 }).subscribe();
    expect(inputs).to.have.length(2);
    expect(() => singleFlight(wide, { key: 'id' as never })).to.throw(TypeError, 'key must be a function');
    expect(() => singleFlight(NEVER as never)).to.throw(
      TypeError,
      'singleFlight: a service, not an instance of Observable',
    );
  });

  it('asks anew with all of the input, once its flight is over: answered, failed, or left', () => {
    const sources = { answered: of('no'), failed: throwError(() => boom), left: NEVER };
    for (const source of Object.values(sources)) {
      const attempts: number[] = [];
      const ask = singleFlight(
        (_ctx, { attempt }: { id: number; attempt: number }) => {
          attempts.push(attempt);
          return source;
        },
        { key: ({ id }) => id },
      );
      for (const attempt of [1, 2]) {
        ask(background, { id: 1, attempt })
          .subscribe({ error: () => undefined })
          .unsubscribe();
      }
      expect(attempts).to.deep.equal([1, 2]);
    }
  });

  it('lets one of two aggregates be canceled, and the other have the answer', () => {
    const source = new Subject<number>();
    const shared = singleFlight(() => source);
    const quiet = withLogger(silent);
    let answer: unknown;
    const first = aggregate({ shared, other: () => NEVER }, quiet)(background).subscribe();
    aggregate({ shared }, quiet)(background).subscribe((value) => (answer = value));
    first.unsubscribe();
    expect(source.observed).to.equal(true);
    source.next(1);
    source.complete();
    expect(answer).to.deep.equal({ shared: 1 });
  });

  it('passes on what a factory throws', () => {
    let told: unknown;
    singleFlight(() => throwError(() => boom))(background).subscribe({ error: (error: unknown) => (told = error) });
    expect(told).to.equal(boom);
  });
});
