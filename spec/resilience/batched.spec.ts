import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { asyncScheduler, concatMap, EMPTY, map, NEVER, Observable, of, retry, Subject, throwError, timer } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  batched,
  CanceledError,
  type Context,
  DeadlineExceededError,
  type LoadMany,
  type Service,
  ServiceError,
  singleFlight,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const boom = new Error('boom');

/** A service for many that keeps its calls, and answers each input with its name after `delay` ms. */
function recording(delay = 0): {
  readonly calls: { readonly at: number; readonly inputs: readonly number[]; readonly ctx: Context }[];
  readonly ends: string[];
  readonly loadMany: (ctx: Context, ids: readonly number[]) => Observable<string[]>;
} {
  const calls: { at: number; inputs: readonly number[]; ctx: Context }[] = [];
  const ends: string[] = [];
  const loadMany = (ctx: Context, ids: readonly number[]): Observable<string[]> =>
    new Observable((subscriber) => {
      calls.push({ at: asyncScheduler.now(), inputs: ids, ctx });
      ctx.signal?.addEventListener('abort', () => ends.push('aborted'));
      subscriber.add(() => ends.push('torn down'));
      subscriber.add(
        timer(delay)
          .pipe(map(() => ids.map((id) => `user ${String(id)}`)))
          .subscribe(subscriber),
      );
    });
  return { calls, ends, loadMany };
}

const inputsOf = ({ calls }: ReturnType<typeof recording>): unknown[] => calls.map(({ inputs }) => inputs);

/** Calls the service for each input at once, and returns each answer or the message of the error. */
function answersOf(service: Service<number, unknown>, inputs: readonly number[]): unknown[] {
  const answers: unknown[] = inputs.map(() => 'nothing');
  marbles(({ flush }) => {
    for (const [index, input] of inputs.entries()) {
      service(background, input).subscribe({
        next: (answer) => (answers[index] = answer),
        error: (error: Error) => (answers[index] = `${error.name}: ${error.message}`),
      });
    }
    flush();
  });
  return answers;
}

describe('batched', () => {
  it('loads all that an aggregate calls in one pass with one call, in the order of the calls', () => {
    const loads = recording(5);
    const user = batched(loads.loadMany);
    const page = aggregate({
      author: (ctx) => user(ctx, 3),
      editor: (ctx) => user(ctx, 1),
      owner: (ctx) => user(ctx, 2),
    });
    marbles(({ expectObservable }) => {
      expectObservable(page(background)).toBe('-----(a|)', {
        a: { author: 'user 3', editor: 'user 1', owner: 'user 2' },
      });
    });
    expect(loads.calls.map(({ at, inputs }) => ({ at, inputs }))).to.deep.equal([{ at: 0, inputs: [3, 1, 2] }]);
  });

  it('sends the batch at the end of the window that the first input opens, and then opens another', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('--(x|)', { x: ['a', 'b'] });
      const last = cold('-(y|)', { y: ['c'] });
      const user = batched((_ctx, ids: readonly number[]) => (ids.includes(3) ? last : source), { window: 4 });
      expectObservable(user(background, 1)).toBe('      ------(a|)');
      expectObservable(user(background, 2), '---^').toBe('------(b|)');
      expectObservable(user(background, 3), '-----^').toBe('----------(c|)');
      expectSubscriptions(source.subscriptions).toBe('----^-!');
      expectSubscriptions(last.subscriptions).toBe('   ---------^!');
    });
  });

  it('sends a full batch at once, and starts another for the next input', () => {
    const loads = recording();
    const user = batched(loads.loadMany, { window: 10, most: 2 });
    marbles(({ flush }) => {
      for (const id of [1, 2, 2, 3, 1]) user(background, id).subscribe();
      asyncScheduler.schedule(() => user(background, 4).subscribe(), 3);
      flush();
    });
    expect(loads.calls.map(({ at, inputs }) => ({ at, inputs }))).to.deep.equal([
      { at: 0, inputs: [1, 2] },
      { at: 0, inputs: [3, 1] },
      { at: 13, inputs: [4] },
    ]);
  });

  it('loads equal inputs of a batch once, and tells inputs apart by value and type', () => {
    const received: unknown[] = [];
    const one = batched((_ctx: Context, inputs: readonly (string | number)[]) => {
      received.push(inputs);
      return of(inputs.map((input) => typeof input));
    });
    const answers: unknown[] = [];
    marbles(({ flush }) => {
      for (const input of [1, '1', 1]) one(background, input).subscribe((answer) => answers.push(answer));
      flush();
    });
    expect(received).to.deep.equal([[1, '1']]);
    expect(answers).to.deep.equal(['number', 'string', 'number']);
  });

  it('compares inputs by their key', () => {
    const inputs: unknown[] = [];
    const user = batched(
      (_ctx: Context, users: readonly { readonly id: number; readonly page: string }[]) => {
        inputs.push(...users);
        return of(users.map(({ id }) => id));
      },
      { key: ({ id }) => id },
    );
    marbles(({ flush }) => {
      for (const page of ['a', 'b']) user(background, { id: 7, page }).subscribe();
      flush();
    });
    expect(inputs).to.deep.equal([{ id: 7, page: 'a' }]);
  });

  it('errors if an input needs a key and there is none', () => {
    const user = batched((_ctx: Context, ids: readonly string[]) => of(ids));
    let message: unknown;
    user(background, {} as never).subscribe({ error: (error: Error) => (message = error.message) });
    expect(message).to.equal(
      'batched: input: expected a primitive, got an instance of Object: pass a key, such as { key: (input) => input.id }',
    );
  });

  it('fails only the callers of an item that is an error', () => {
    const user = batched((_ctx: Context, ids: readonly number[]) => of(ids.map((id) => (id === 2 ? boom : id))));
    expect(answersOf(user, [1, 2, 3, 2])).to.deep.equal([1, 'Error: boom', 3, 'Error: boom']);
  });

  it('emits items that look like errors or are nothing', () => {
    const items = [{ name: 'Error', message: 'sent', stack: '' }, undefined, null];
    expect(
      answersOf(
        batched(() => of(items)),
        [1, 2, 3],
      ),
    ).to.deep.equal(items);
  });

  it('fails all callers, each with a ServiceError of its own, if loadMany fails, throws or rejects', async () => {
    for (const loadMany of [
      () => throwError(() => boom),
      async () => Promise.reject(boom),
      () => {
        throw boom;
      },
    ] as LoadMany<number, string, Context>[]) {
      const user = batched(loadMany);
      const errors = await Promise.all(
        [1, 2].map(
          async (id) =>
            new Promise<ServiceError>((resolve) => {
              aggregate({ [`user${String(id)}`]: (ctx: Context) => user(ctx, id) })(background).subscribe({
                error: resolve,
              });
            }),
        ),
      );
      expect(errors.map(({ service }) => service)).to.deep.equal(['user1', 'user2']);
      for (const error of errors) expect(error).to.be.instanceOf(ServiceError).and.have.property('cause', boom);
    }
  });

  it('says for all what is wrong with an answer that is no array of the right length', () => {
    const user = (answer: unknown): Service<number, unknown> => batched(() => of(answer as string[]));
    const fix = 'answer with one item for each input, in order';
    expect(answersOf(user(['a', 'b', 'c']), [1, 2])).to.deep.equal(
      [1, 2].map(() => `TypeError: batched: loadMany: expected an array of 2 items, got 3: ${fix}`),
    );
    expect(answersOf(user([]), [1])).to.deep.equal([
      `TypeError: batched: loadMany: expected an array of 1 item, got 0: ${fix}`,
    ]);
    for (const [answer, kind] of [
      [undefined, 'undefined'],
      ['ab', 'a string'],
      [new Map(), 'an instance of Map'],
      [{ 0: 'a', 1: 'b', length: 2 }, 'an instance of Object'],
    ] as const) {
      expect(answersOf(user(answer), [1, 2])).to.deep.equal(
        [1, 2].map(() => `TypeError: batched: loadMany: expected an array of 2 items, got ${kind}: ${fix}`),
      );
    }
  });

  it('fails all callers if loadMany completes without a value, or returns neither an Observable nor a promise', () => {
    expect(
      answersOf(
        batched(() => EMPTY as Observable<string[]>),
        [1, 2],
      ),
    ).to.deep.equal([1, 2].map(() => 'EmptyError: no elements in sequence'));
    for (const answer of answersOf(batched(((_ctx: Context, ids: number[]) => ids) as never), [1, 2])) {
      expect(answer).to.equal(
        'TypeError: expected an Observable or a promise, got an instance of Array: wrap it in of(...) or fromAbortable(...)',
      );
    }
  });

  it('uses the last array that loadMany emits', () => {
    expect(
      answersOf(
        batched(() => of(['a'], ['b'])),
        [1],
      ),
    ).to.deep.equal(['b']);
  });

  it('leaves out a caller that leaves before the batch is sent, and calls nothing when all have left', () => {
    const loads = recording();
    const user = batched(loads.loadMany, { window: 5 });
    marbles(({ expectObservable }) => {
      expectObservable(user(background, 1), '^-!').toBe('-');
      expectObservable(user(background, 2), '^--!').toBe('-');
      expectObservable(user(background, 2)).toBe('-----(a|)', { a: 'user 2' });
      expectObservable(user({ propagate: { authorization: 'b' } }, 9), '^----!').toBe('-');
      expectObservable(user(background, 4), '      ------^!').toBe('-');
    });
    expect(inputsOf(loads)).to.deep.equal([[2]]);
  });

  it('starts a window of its own after all callers of the one before have left', () => {
    const loads = recording();
    const user = batched(loads.loadMany, { window: 5 });
    marbles(({ expectObservable }) => {
      expectObservable(user(background, 1), '^-!').toBe('-');
      expectObservable(user(background, 2), '---^').toBe('--------(a|)', { a: 'user 2' });
    });
    expect(loads.calls.map(({ at }) => at)).to.deep.equal([8]);
  });

  it('makes place for another input when a caller leaves', () => {
    const loads = recording();
    const user = batched(loads.loadMany, { window: 5, most: 2 });
    marbles(({ flush }) => {
      user(background, 1).subscribe().unsubscribe();
      for (const id of [2, 3]) user(background, id).subscribe();
      flush();
    });
    expect(inputsOf(loads)).to.deep.equal([[2, 3]]);
  });

  it('calls nothing for an aggregate whose later service fails in the same pass', () => {
    for (const most of [1, 100]) {
      const loads = recording();
      const user = batched(loads.loadMany, { most });
      marbles(({ expectObservable }) => {
        const page = aggregate({ user: (ctx) => user(ctx, 1), failing: () => throwError(() => boom) });
        const error = new ServiceError({ service: 'failing', elapsed: 0, cause: boom });
        expectObservable(page(background)).toBe('#', undefined, error);
      });
      expect(loads.calls).to.deep.equal([]);
    }
  });

  it('ends one caller without the others, and aborts the call when all have left', () => {
    const loads = recording(50);
    const user = batched(loads.loadMany);
    const controller = new AbortController();
    const errors: unknown[] = [];
    marbles(({ flush }) => {
      const onError = (error: unknown): void => void errors.push(error);
      user({ signal: controller.signal }, 1).subscribe({ error: onError });
      aggregate({ user: (ctx) => user(ctx, 2) }, withTimeout(3))(background).subscribe({ error: onError });
      const third = user(background, 3).subscribe();
      asyncScheduler.schedule(() => {
        controller.abort('bye');
      }, 2);
      asyncScheduler.schedule(() => {
        expect(loads.ends).to.deep.equal([]);
        third.unsubscribe();
        expect(loads.ends).to.deep.equal(['torn down', 'aborted']);
      }, 4);
      flush();
    });
    expect(errors[0]).to.be.instanceOf(CanceledError).and.have.property('cause', 'bye');
    expect(errors[1]).to.be.instanceOf(DeadlineExceededError);
    expect(errors).to.have.length(2);
    expect(inputsOf(loads)).to.deep.equal([[1, 2, 3]]);
  });

  it('calls with the latest deadline of the callers, and with none if a caller has none', () => {
    const deadlineFor = (...callers: readonly Context[]): unknown => {
      const loads = recording();
      const user = batched(loads.loadMany);
      marbles(({ flush }) => {
        for (const ctx of callers) user(ctx, 1).subscribe();
        flush();
      });
      return loads.calls[0]!.ctx.deadline;
    };
    expect(deadlineFor({ deadline: 70 }, { deadline: 90 }, { deadline: 80 })).to.equal(90);
    expect(deadlineFor({ deadline: 70 }, background)).to.equal(undefined);
    expect(deadlineFor({ deadline: Infinity }, { deadline: 70 })).to.equal(undefined);
  });

  it('does not count the deadline of a caller that has left', () => {
    const loads = recording();
    const user = batched(loads.loadMany, { window: 5 });
    marbles(({ flush }) => {
      const first = user({ deadline: 90 }, 1).subscribe();
      user({ deadline: 70 }, 1).subscribe();
      first.unsubscribe();
      flush();
    });
    expect(loads.calls[0]!.ctx.deadline).to.equal(70);
  });

  it('shares no batch among contexts that differ, and passes the fields of the context on', () => {
    const loads = recording();
    const user = batched(loads.loadMany);
    const contexts = [
      { propagate: { authorization: 'a' } },
      { propagate: { authorization: 'b' } },
      { propagate: { authorization: 'a' }, tenant: 'x' },
    ];
    marbles(({ flush }) => {
      for (const id of [1, 2]) for (const ctx of contexts) user(ctx, id).subscribe();
      flush();
    });
    expect(inputsOf(loads)).to.deep.equal(contexts.map(() => [1, 2]));
    for (const [index, ctx] of contexts.entries()) expect(loads.calls[index]!.ctx).to.include(ctx);
  });

  it('calls nothing for a context whose signal has aborted, or that is invalid', () => {
    const loads = recording();
    const user = batched(loads.loadMany);
    const errors: unknown[] = [];
    marbles(({ flush }) => {
      for (const ctx of [{ signal: AbortSignal.abort('bye') }, { deadline: NaN }]) {
        user(ctx, 1).subscribe({ error: (error: Error) => errors.push(error.name) });
      }
      flush();
    });
    expect(errors).to.deep.equal(['CanceledError', 'RangeError']);
    expect(loads.calls).to.deep.equal([]);
  });

  it('loads again for a retry, in another batch', () => {
    const calls: unknown[] = [];
    const user = batched((_ctx: Context, ids: readonly number[]) => {
      calls.push(ids);
      return calls.length === 1 ? throwError(() => boom) : of(ids);
    });
    const retried: Service<number, number> = (ctx, id) => user(ctx, id).pipe(retry(1));
    expect(answersOf(retried, [1, 2])).to.deep.equal([1, 2]);
    expect(calls).to.deep.equal([
      [1, 2],
      [1, 2],
    ]);
  });

  it('joins no call in flight, so a call that never answers holds up no later caller', () => {
    let calls = 0;
    const user = batched((_ctx: Context, ids: readonly number[]) => (++calls === 1 ? NEVER : of(ids)));
    marbles(({ expectObservable }) => {
      expectObservable(user(background, 1)).toBe('-');
      expectObservable(user(background, 1), '-^').toBe('-(a|)', { a: 1 });
    });
  });

  it('starts a batch although another one of the same pass throws at its end', () => {
    const uncaught: unknown[] = [];
    const user = batched((_ctx: Context, ids: readonly number[]) => of(ids));
    const answers: unknown[] = [];
    marbles(({ flush }) => {
      const bad = user({ propagate: { a: '1' } }, 1).subscribe();
      bad.add(() => {
        throw boom;
      });
      user(background, 2).subscribe((answer) => answers.push(answer));
      try {
        flush();
      } catch (error) {
        uncaught.push(error);
        flush();
      }
    });
    expect(answers).to.deep.equal([2]);
    expect(uncaught).to.have.length(1);
  });

  it('composes with singleFlight and aggregateEach', () => {
    const loads = recording(2);
    const users = aggregateEach(singleFlight(batched(loads.loadMany)));
    marbles(({ expectObservable }) => {
      for (const ids of [
        [1, 2],
        [2, 3],
      ]) {
        expectObservable(users(background, ids)).toBe('--(a|)', { a: ids.map((id) => `user ${String(id)}`) });
      }
    });
    expect(inputsOf(loads)).to.deep.equal([[1, 2, 3]]);
  });

  for (const [when, after] of [
    ['at once', 0],
    ['after a while', 1],
  ] as const) {
    it(`errors if a batch waits for an equal batch ${when}`, () => {
      const user: Service<number, number> = batched(function users(ctx: Context, ids: readonly number[]) {
        return timer(after).pipe(concatMap(() => aggregateEach(user)(ctx, ids)));
      });
      for (const answer of answersOf(user, [2, 1])) {
        expect(answer).to.include('expected no circle of calls, got users(1, 2) → users(1, 2): let no call wait');
      }
    });
  }

  it('errors if a batch waits for an equal batch through a single flight, and answers the other callers', () => {
    let calls = 0;
    const shared: Service<number, number> = singleFlight((ctx, id) => user(ctx, id));
    const user: Service<number, number> = batched((ctx: Context, ids: readonly number[]) =>
      ++calls > 1 ? of(ids) : timer(2).pipe(concatMap(() => aggregateEach(shared)(ctx, ids))),
    );
    marbles(({ expectObservable, flush }) => {
      let message = '';
      user(background, 1).subscribe({ error: (error: Error) => (message = error.message) });
      expectObservable(user(background, 1), '--^').toBe('--(a|)', { a: 1 });
      flush();
      expect(message).to.include('got batched(1) → singleFlight(1) → batched(1):');
    });
  });

  it('loads a part of a batch again if the batch calls for it', () => {
    const user: Service<number, string> = batched((ctx: Context, ids: readonly number[]) =>
      ids.includes(1)
        ? user(ctx, 2).pipe(map((boss) => ids.map((id) => (id === 1 ? `1 under ${boss}` : String(id)))))
        : of(ids.map(String)),
    );
    expect(answersOf(user, [1, 2])).to.deep.equal(['1 under 2', '2']);
  });

  it('infers the input, the item and the context, and leaves errors out of the items', () => {
    interface TenantContext extends Context {
      readonly tenant: string;
    }
    const user = batched((_ctx: TenantContext, ids: readonly number[]) =>
      Promise.resolve(ids.map((id) => (id < 0 ? new RangeError('negative') : { id })) as ({ id: number } | Error)[]),
    );
    expectTypeOf(user).toEqualTypeOf<Service<number, { id: number }, TenantContext>>();
    const words = batched((_ctx: Context, _ids: readonly string[]) => new Subject<string[]>(), { most: 5 });
    expectTypeOf(words).toEqualTypeOf<Service<string, string>>();
    // @ts-expect-error -- objects need a key
    batched((_ctx: Context, ids: readonly { id: number }[]) => of(ids));
  });

  it('refuses a bad configuration', () => {
    const loadMany = (_ctx: Context, ids: readonly number[]): Observable<readonly number[]> => of(ids);
    expect(() => batched(null as never)).to.throw(TypeError, 'batched: loadMany: expected a function, got null');
    expect(() => batched(loadMany, { key: 'id' as never })).to.throw(TypeError, 'batched: key: expected a function');
    for (const window of [-1, NaN, 2 ** 31, '1' as never]) {
      expect(() => batched(loadMany, { window })).to.throw(RangeError, 'batched: window: expected at least 0');
    }
    for (const most of [0, 1.5, Infinity, NaN]) {
      expect(() => batched(loadMany, { most })).to.throw(RangeError, 'batched: most: expected a positive integer');
    }
  });
});
