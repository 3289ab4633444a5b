import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { NEVER, Observable, of, throwError } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  background,
  type Context,
  perRun,
  type Primitive,
  type Service,
  singleFlight,
  withEvents,
} from '../../lib/index.ts';
import { marbles, recordEvents } from '../../lib/testing/index.ts';

const boom = new Error('boom');

interface Input {
  readonly id: number;
}

/** Runs `call` in a run, where `perRun` shares, and returns the answer or the cause of the error. */
function outcomeOf(call: (ctx: Context) => Observable<unknown>): unknown {
  let outcome: unknown;
  aggregate({ call })(background).subscribe({
    next: (answer) => (outcome = answer.call),
    error: ({ cause }: Error) => (outcome = cause),
  });
  return outcome;
}

for (const [name, combinator] of Object.entries({ perRun, singleFlight })) {
  describe(`${name}: services and keys`, () => {
    const byId: Service<Input, number> = (_ctx, { id }) => of(id);

    it('requires a key for objects in its types', () => {
      // @ts-expect-error an object needs a key
      combinator(byId);
      combinator(byId, { key: ({ id }) => id });
    });

    it('shares a call among inputs with the same key, and passes the first input on', () => {
      const inputs: Input[] = [];
      marbles(({ cold, expectObservable }) => {
        const source = cold('--a|');
        const keyed = combinator(
          (_ctx, input: Input) => {
            inputs.push(input);
            return source;
          },
          { key: ({ id }) => id },
        );
        const page = aggregate({ a: keyed, b: (ctx) => keyed(ctx, { id: 1 }), c: (ctx) => keyed(ctx, { id: 2 }) });
        expectObservable(page(background, { id: 1 })).toBe('---(r|)', { r: { a: 'a', b: 'a', c: 'a' } });
      });
      expect(inputs).to.deep.equal([{ id: 1 }, { id: 2 }]);
    });

    for (const [title, config, input, message] of [
      [
        'an object without a key, and shows how to pass one',
        undefined,
        { id: 1 },
        'input: expected a primitive, got an instance of Object: pass a key, such as { key: (input) => input.id }',
      ],
      [
        'a function without a key, and shows how to pass one',
        {},
        () => 1,
        'input: expected a primitive, got a function: pass a key, such as { key: (input) => input.id }',
      ],
      [
        'a key that returns an object',
        { key: (input: unknown) => [input] },
        { id: 1 },
        'key: expected to return a primitive, got an instance of Array: return a string or a number',
      ],
    ] as const) {
      it(`errors for ${title}`, () => {
        const shared = combinator(byId, config as never) as Service<unknown, number>;
        const error = outcomeOf((ctx) => shared(ctx, input));
        expect(error).to.be.instanceOf(TypeError).and.have.property('message', `${name}: ${message}`);
      });
    }

    for (const [title, service, config, message] of [
      [
        'a service that is not a function',
        of(1),
        {},
        'service: expected a function, got an instance of Observable: pass (ctx, input) => an Observable or a promise',
      ],
      ['a number as service', 1, undefined, 'service: expected a function, got 1'],
      [
        'a key that is not a function',
        byId,
        { key: 'id' },
        'key: expected a function, got a string: pass (input) => input.id',
      ],
    ] as const) {
      it(`throws for ${title}`, () => {
        expect(() => combinator(service as never, config as never)).to.throw(TypeError, `${name}: ${message}`);
      });
    }

    for (const [title, service] of Object.entries({
      'throws an error': () => {
        throw boom;
      },
      'returns an Observable that errors': () => throwError(() => boom),
    })) {
      it(`errors with the error of a service that ${title}, in a run and outside`, () => {
        const shared = combinator(service as Service<void, never>);
        expect(outcomeOf((ctx) => shared(ctx))).to.equal(boom);
        let error: unknown;
        shared(background).subscribe({ error: (given: unknown) => (error = given) });
        expect(error).to.equal(boom);
      });
    }

    for (const [title, marble, unsubscribedAt] of [
      ['completes', '-a|', undefined],
      ['is unsubscribed', '-a--', '--!'],
    ] as const) {
      it(`reports an error of a teardown once for three subscribers if the service ${title}`, () => {
        const { events, next } = recordEvents();
        marbles(({ cold, expectObservable, flush }) => {
          const source = cold(marble);
          const shared = combinator(
            () =>
              new Observable<string>((subscriber) => {
                subscriber.add(source.subscribe(subscriber));
                return () => {
                  throw boom;
                };
              }),
          );
          const page = aggregate({ a: shared, b: shared, c: shared }, withEvents({ next }));
          const answers = { r: { a: 'a', b: 'a', c: 'a' } };
          expectObservable(page(background), unsubscribedAt).toBe(unsubscribedAt ? '' : '--(r|)', answers);
          flush();
        });
        const reported = events.filter(({ type }) => type === 'teardown-failed');
        expect(reported).to.have.length(1);
        expect(reported[0]).to.have.property('error', boom);
      });
    }

    it('reports an error of the teardown of a service that has answered synchronously', () => {
      const { events, next } = recordEvents();
      const shared = combinator(
        () =>
          new Observable<string>((subscriber) => {
            subscriber.next('a');
            subscriber.complete();
            return () => {
              throw boom;
            };
          }),
      );
      aggregate({ shared }, withEvents({ next }))(background).subscribe();
      expect(events.map(({ type }) => type)).to.include.members(['teardown-failed', 'succeeded']);
    });

    it('takes keys for equal as a map does', () => {
      const keys = [NaN, NaN, 0, -0, Symbol.for('a'), Symbol.for('a'), Symbol('a'), '0', null, undefined, 'null'];
      let calls = 0;
      const shared = combinator(
        (_ctx, _input: object) => {
          calls++;
          return NEVER;
        },
        { key: (input: object) => (input as { key: Primitive }).key },
      );
      const page = aggregateEach(shared)(
        background,
        keys.map((key) => ({ key })),
      ).subscribe();
      expect(calls).to.equal(new Set<unknown>(keys).size);
      page.unsubscribe();
    });

    it('errors with the error that a key throws, and answers the next call', () => {
      let fails = true;
      const shared = combinator(byId, {
        key: ({ id }) => {
          if (fails) throw boom;
          return id;
        },
      });
      expect(outcomeOf((ctx) => shared(ctx, { id: 1 }))).to.equal(boom);
      fails = false;
      expect(outcomeOf((ctx) => shared(ctx, { id: 1 }))).to.equal(1);
    });

    it('calls a service that returns a promise, in a run and outside, and again after a rejection', async () => {
      let calls = 0;
      const shared = combinator(() => (++calls === 1 ? Promise.reject(boom) : Promise.resolve(calls)));
      expectTypeOf(shared).returns.toEqualTypeOf<Observable<number>>();
      const settled = (ctx: Context): Promise<unknown> =>
        new Promise((resolve) => {
          shared(ctx).subscribe({ next: resolve, error: resolve });
        });
      expect(await settled(background)).to.equal(boom);
      expect(await settled(background)).to.equal(2);
      const answer: unknown = await new Promise((resolve) => {
        aggregate({ a: shared, b: shared })(background).subscribe(resolve);
      });
      expect(answer).to.deep.equal({ a: 3, b: 3 });
    });
  });
}
