import { expect } from 'chai';
import { NEVER, Observable, of, retry, Subject, throwError } from 'rxjs';
import {
  aggregate,
  background,
  CanceledError,
  type Context,
  type Fetch,
  type Service,
  singleFlight,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

/** A service that never answers, its calls, and how they end. */
function pendingService(): {
  readonly inputs: unknown[];
  readonly contexts: Context[];
  readonly ends: string[];
  readonly service: Service<never, never>;
} {
  const inputs: unknown[] = [];
  const contexts: Context[] = [];
  const ends: string[] = [];
  const service = (ctx: Context, input: unknown): Observable<never> =>
    new Observable(() => {
      inputs.push(input);
      contexts.push(ctx);
      ctx.signal?.addEventListener('abort', () => ends.push('aborted'));
      return () => ends.push('torn down');
    });
  return { inputs, contexts, ends, service };
}

/** Calls a pending service once with each context, and returns how often the service was called. */
function callsFor(contexts: readonly object[]): number {
  const { contexts: received, service } = pendingService();
  const shared = singleFlight(service as Service<void, never>);
  for (const ctx of contexts) shared(ctx).subscribe();
  return received.length;
}

describe('singleFlight', () => {
  it('shares a call among concurrent callers, and calls the service again afterwards', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('---a|');
      const shared = singleFlight(() => source);
      expectObservable(shared(background)).toBe('----(a|)');
      expectObservable(shared(background), '--^').toBe('----(a|)');
      expectObservable(shared(background), '------^').toBe('----------(a|)');
      expectSubscriptions(source.subscriptions).toBe(['^---!', '------^---!']);
    });
  });

  it('calls the service without a deadline, and with a signal that aborts when the last caller has left', () => {
    const { contexts, ends, service } = pendingService();
    const shared = singleFlight(service as Service<void, never>);
    const controller = new AbortController();
    const errors: unknown[] = [];
    shared({ signal: controller.signal, deadline: 5 }).subscribe({ error: (error: unknown) => errors.push(error) });
    const other = shared(background).subscribe();
    expect(contexts).to.have.length(1);
    expect(contexts[0]).not.to.have.property('deadline');
    controller.abort('bye');
    expect(errors[0]).to.be.instanceOf(CanceledError).and.have.property('cause', 'bye');
    expect(ends).to.deep.equal([]);
    other.unsubscribe();
    expect(ends).to.deep.equal(['torn down', 'aborted']);
    shared(background).subscribe().unsubscribe();
    expect(contexts).to.have.length(2);
  });

  it('errors for all callers, and keeps no error: their retries share the next call', () => {
    const sources: Subject<number>[] = [];
    const shared = singleFlight(() => {
      const source = new Subject<number>();
      sources.push(source);
      return source;
    });
    const answers: number[] = [];
    for (let caller = 0; caller < 2; caller++) {
      shared(background)
        .pipe(retry(1))
        .subscribe((answer) => answers.push(answer));
    }
    sources[0]!.error(boom);
    expect(sources).to.have.length(2);
    shared(background).subscribe((answer) => answers.push(answer)); // joins the second call
    expect(sources).to.have.length(2);
    sources[1]!.next(1);
    sources[1]!.complete();
    expect(answers).to.deep.equal([1, 1, 1]);
  });

  it('answers synchronously if the service does', () => {
    const answers: number[] = [];
    const shared = singleFlight((_ctx, id: number) => of(id));
    for (const id of [1, 2]) shared(background, id).subscribe((answer) => answers.push(answer));
    expect(answers).to.deep.equal([1, 2]);
  });

  it('distinguishes inputs by value and type', () => {
    const { inputs, service } = pendingService();
    const shared = singleFlight(
      service as Service<string | number | bigint | boolean | symbol | null | undefined, never>,
    );
    const symbol = Symbol('a');
    const different = [
      ...[1, '1', 1n, '1n', 2n, true, 'true', null, 'null', undefined, NaN, 'NaN'],
      ...[symbol, Symbol('a'), 'symbol 1'],
    ];
    for (const input of different) shared(background, input).subscribe();
    expect(inputs).to.deep.equal(different);
    for (const input of [1, NaN, symbol, undefined]) shared(background, input).subscribe();
    expect(inputs).to.have.length(different.length);
  });

  describe('shares a call among contexts', () => {
    const tenant = { id: 1 };
    const fetch: Fetch = () => expect.fail('called');
    for (const [title, contexts] of [
      ['with equal fields', [{ tenant }, { tenant }]],
      ['with the same transport', [{ fetch }, { fetch }]],
      ['with different deadlines', [{ deadline: 8 }, { deadline: 9 }, background]],
      ['with different signals', [{ signal: new AbortController().signal }, background]],
      ['with a field that is undefined', [{ user: undefined }, background]],
      [
        'with equal propagate in another order',
        [{ propagate: { authorization: 'a', b: '1' } }, { propagate: { b: '1', authorization: 'a' } }],
      ],
      [
        'with equal fields in another order',
        [
          { tenant, user: 'x' },
          { user: 'x', tenant },
        ],
      ],
    ] as const) {
      it(title, () => {
        expect(callsFor(contexts)).to.equal(1);
      });
    }
  });

  it('shares no call among contexts with different credentials, transports or other fields', () => {
    const tenant = { id: 1 };
    const propagate = { authorization: 'a', b: '1' };
    const transport = (): Fetch => () => expect.fail('called');
    const contexts: object[] = [
      background,
      { propagate, tenant },
      { propagate: { ...propagate, authorization: 'b' }, tenant },
      { propagate: { ...propagate, c: '' }, tenant },
      { propagate: { 'authorization" "a': '' } },
      { propagate, tenant: { id: 1 } },
      { propagate, tenant, user: 'x' },
      { propagate, tenant, [Symbol('mark')]: 1 },
      { fetch: transport() },
      { fetch: transport() },
    ];
    expect(callsFor([...contexts, ...contexts])).to.equal(contexts.length);
  });

  for (const [propagate, kind] of [
    [new Headers({ authorization: 'a' }), 'an instance of Headers'],
    [new Map([['authorization', 'a']]), 'an instance of Map'],
    [[['authorization', 'a']], 'an instance of Array'],
    ['authorization: a', 'a string'],
    [null, 'null'],
  ] as const) {
    it(`errors if propagate is not a record but ${kind}, whose content it could not compare`, () => {
      const { contexts, service } = pendingService();
      let error: unknown;
      singleFlight(service as Service<void, never>)({ propagate } as never).subscribe({
        error: (given: unknown) => (error = given),
      });
      expect(error).to.be.instanceOf(TypeError);
      for (const part of ['ctx.propagate', kind, 'Object.fromEntries(headers)']) {
        expect((error as TypeError).message).to.include(part);
      }
      expect(contexts).to.deep.equal([]);
    });
  }

  it('compares the context even if the key is equal', () => {
    const { inputs, service } = pendingService();
    const shared = singleFlight(service as unknown as Service<{ id: number }, never>, { key: ({ id }) => id });
    for (const ctx of [background, background, { propagate: { a: 'b' } }]) shared(ctx, { id: 1 }).subscribe();
    expect(inputs).to.have.length(2);
  });

  for (const [title, source] of [
    ['an answer', of('no')],
    ['an error', throwError(() => boom)],
    ['an unsubscription', NEVER],
  ] as const) {
    it(`calls the service again with the whole input after ${title}`, () => {
      const attempts: number[] = [];
      const shared = singleFlight(
        (_ctx, { attempt }: { id: number; attempt: number }) => {
          attempts.push(attempt);
          return source;
        },
        { key: ({ id }) => id },
      );
      for (const attempt of [1, 2]) {
        shared(background, { id: 1, attempt })
          .subscribe({ error: () => undefined })
          .unsubscribe();
      }
      expect(attempts).to.deep.equal([1, 2]);
    });
  }

  it('answers one aggregate after another has been canceled', () => {
    const source = new Subject<number>();
    const shared = singleFlight(() => source);
    let answer: unknown;
    const first = aggregate({ shared, other: () => NEVER })(background).subscribe();
    aggregate({ shared })(background).subscribe((given) => (answer = given));
    first.unsubscribe();
    expect(source.observed).to.equal(true);
    source.next(1);
    source.complete();
    expect(answer).to.deep.equal({ shared: 1 });
  });
});
