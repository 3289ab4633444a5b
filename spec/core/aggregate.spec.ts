import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { concat, EMPTY, EmptyError, map, NEVER, type Observable, type Observer, of, throwError, timer } from 'rxjs';
import {
  aggregate,
  background,
  type Context,
  type Service,
  ServiceError,
  silent,
  withLogger,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

const quiet = withLogger(silent);

/** The notifications of a synchronous source. */
function told<T>(source: Observable<T>): unknown[] {
  const notifications: unknown[] = [];
  source.subscribe({
    next: (value) => notifications.push(value),
    error: (error: unknown) => notifications.push(error),
    complete: () => notifications.push('complete'),
  });
  return notifications;
}

describe('aggregate', () => {
  it('asks all services in one synchronous pass, with the context and the input', () => {
    const asked: unknown[] = [];
    const service = (name: string) => (ctx: Context, id: number) => {
      asked.push([name, id, ctx.propagate]);
      return NEVER;
    };
    const propagate = { 'x-id': '1' };
    aggregate({ profile: service('profile'), orders: service('orders') }, quiet)({ propagate }, 42)
      .subscribe()
      .unsubscribe();
    expect(asked).to.deep.equal([
      ['profile', 42, propagate],
      ['orders', 42, propagate],
    ]);
  });

  it('answers with the record of the answers when the last service has completed', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const profile = cold('--p|      ');
      const orders = cold(' ----o-|   ');
      const expected = '    ------(r|)';

      const ask = aggregate({ profile: () => profile, orders: () => orders }, quiet);
      expectObservable(ask(background)).toBe(expected, { r: { profile: 'p', orders: 'o' } });
      expectSubscriptions(profile.subscriptions).toBe('^--!');
      expectSubscriptions(orders.subscriptions).toBe(' ^-----!');
    });
  });

  it('answers a tuple of services with a tuple', () => {
    expect(told(aggregate([() => of('a'), () => of(2)])(background))).to.deep.equal([['a', 2], 'complete']);
  });

  it('counts the last of several values', () => {
    marbles(({ cold, expectObservable }) => {
      const price = cold(' -1-2-3--|   ');
      const expected = '   --------(r|)';
      expectObservable(aggregate({ price: () => price }, quiet)(background)).toBe(expected, { r: { price: '3' } });
    });
  });

  it('is cold: two subscriptions are two runs', () => {
    let asked = 0;
    const ask = aggregate({ n: () => of(++asked) })(background);
    expect(asked).to.equal(0);
    expect([...told(ask), ...told(ask)]).to.deep.equal([{ n: 1 }, 'complete', { n: 2 }, 'complete']);
  });

  it('follows unsubscribing inside next with nothing', () => {
    const notifications: unknown[] = [];
    let teardowns = 0;
    const ask = aggregate({ n: () => timer(1).pipe(map(() => 1)) }, quiet);
    marbles(({ flush }) => {
      const subscription = ask(background).subscribe({
        next: (value) => {
          notifications.push(value);
          subscription.unsubscribe();
        },
        complete: () => notifications.push('complete'),
      });
      subscription.add(() => teardowns++);
      flush();
    });
    expect(notifications).to.deep.equal([{ n: 1 }]);
    expect(teardowns).to.equal(1);
  });

  it('takes what was in the record when it was made', () => {
    const services: Record<string, Service<void, number>> = { a: () => of(1) };
    const ask = aggregate(services);
    services['a'] = () => of(2);
    services['b'] = () => of(3);
    expect(told(ask(background))).to.deep.equal([{ a: 1 }, 'complete']);
  });

  it('nests: an aggregate is a service', () => {
    const inner = aggregate({ profile: (_ctx, id: number) => of(`user ${String(id)}`) });
    const outer = aggregate({ dashboard: inner, orders: () => of(5) });
    expect(told(outer(background, 42))).to.deep.equal([{ dashboard: { profile: 'user 42' }, orders: 5 }, 'complete']);
  });

  describe('what a record of services may be', () => {
    it('a null-prototype object', () => {
      const services = Object.assign(Object.create(null) as object, { a: () => of(1) });
      expect(told(aggregate(services)(background))).to.deep.equal([{ a: 1 }, 'complete']);
    });

    it('one without services, with a prototype or without', () => {
      expect(told(aggregate(Object.create(null) as object)(background))).to.deep.equal([{}, 'complete']);
      expect(told(aggregate({})(background))).to.deep.equal([{}, 'complete']);
      expect(told(aggregate([])(background))).to.deep.equal([[], 'complete']);
    });

    it('an instance of a class, whose services may use `this`', () => {
      class Api {
        readonly #base = 'api';
        readonly name = (): Observable<string> => of(this.#base);
      }
      const literal = {
        id: () => of(1),
        same(this: unknown) {
          return of(this === literal);
        },
      };
      expect(told(aggregate(new Api())(background))).to.deep.equal([{ name: 'api' }, 'complete']);
      expect(told(aggregate(literal)(background))).to.deep.equal([{ id: 1, same: true }, 'complete']);
    });

    it('an object with a service named __proto__, whose answer pollutes nothing', () => {
      const services = JSON.parse('{ "__proto__": 0, "constructor": 0 }') as Record<string, Service<void, unknown>>;
      for (const name of Object.keys(services)) {
        Object.defineProperty(services, name, { value: () => of({ polluted: name }) });
      }
      const [answer] = told(aggregate(services)(background)) as [object];
      expect(Object.keys(answer)).to.deep.equal(['__proto__', 'constructor']);
      expect(Object.getOwnPropertyDescriptor(answer, '__proto__')).to.include({ configurable: true, writable: true });
      expect(Object.getPrototypeOf(answer)).to.equal(Object.prototype);
      expect('polluted' in answer || 'polluted' in {}).to.equal(false);
    });

    it('refuses what is no service, by name, where it is written', () => {
      const wrong = (services: unknown) => () => aggregate(services as Record<string, Service<void, unknown>>);
      expect(wrong({ profile: 42 })).to.throw(TypeError, 'profile is no service but 42: pass (ctx) => an Observable');
      expect(wrong({ profile: of(1) })).to.throw(TypeError, 'profile is no service but an instance of Observable');
      expect(wrong([undefined])).to.throw(TypeError, '[0] is no service but undefined');
      expect(wrong(null)).to.throw(TypeError, 'not null');
      expect(wrong(() => of(1))).to.throw(TypeError, 'not a function');
    });

    it('refuses an object whose only services are methods of its class: they would be left out', () => {
      class Api {
        profile(): Observable<number> {
          return of(1);
        }
      }
      expect(() => aggregate(new Api())).to.throw(TypeError, 'an instance of Api has no services of its own');
    });

    it('refuses an option that is none', () => {
      expect(() => aggregate({}, { timeout: 1 } as never)).to.throw(TypeError, 'withTimeout(1_000)');
    });
  });

  describe('what a service may return', () => {
    const outcome = (answer: unknown): unknown[] =>
      told(aggregate({ profile: () => answer as Observable<unknown> }, quiet)(background));
    const cause = (answer: unknown): unknown => {
      const [error] = outcome(answer);
      expect(error).to.be.instanceOf(ServiceError).and.have.property('service', 'profile');
      return (error as ServiceError).cause;
    };

    it('an Observable of another copy of RxJS', () => {
      const foreign = { subscribe: (observer: Observer<number>) => of(1).subscribe(observer), lift: () => foreign };
      expect(outcome(foreign)).to.deep.equal([{ profile: 1 }, 'complete']);
    });

    it('anything with the interop symbol', () => {
      const symbol = (Symbol as { observable?: symbol }).observable ?? '@@observable';
      expect(outcome({ [symbol]: () => of(1) })).to.deep.equal([{ profile: 1 }, 'complete']);
    });

    it('anything with the symbol that a polyfill made, before RxJS was loaded or after', () => {
      const { observable } = Symbol as { observable?: symbol };
      const polyfilled = Symbol('observable');
      Object.assign(Symbol, { observable: polyfilled });
      try {
        for (const symbol of ['@@observable', polyfilled]) {
          expect(outcome({ [symbol]: () => of(1) })).to.deep.equal([{ profile: 1 }, 'complete']);
        }
      } finally {
        if (observable) Object.assign(Symbol, { observable });
        else Reflect.deleteProperty(Symbol, 'observable');
      }
    });

    it('a promise, at run time', async () => {
      const ask = aggregate({ profile: () => Promise.resolve(1) as unknown as Observable<number> }, quiet);
      const answer = await new Promise((resolve, reject) => {
        ask(background).subscribe({ next: resolve, error: reject });
      });
      expect(answer).to.deep.equal({ profile: 1 });
    });

    for (const [what, answer] of [
      ['a string', 'Alice'],
      ['an array', [1]],
      ['undefined', undefined],
      ['null', null],
      ['a number', 5],
      ['an object', {}],
    ] as const) {
      it(`refuses ${what}, and says what to do`, () => {
        const error = cause(answer);
        expect(error).to.be.instanceOf(TypeError);
        expect((error as TypeError).message).to.include('wrap it in of(...) or fromAbortable(...)');
      });
    }

    it('makes an error notification of a factory that throws', () => {
      const boom = new Error('boom');
      const ask = aggregate(
        {
          profile: () => {
            throw boom;
          },
        },
        quiet,
      );
      const [error] = told(ask(background)) as [ServiceError];
      expect(error).to.be.instanceOf(ServiceError).and.include({ service: 'profile', cause: boom });
      expect(error.message).to.equal('profile: boom');
    });

    it('makes an error of completing without a value, and lets the siblings go', () => {
      expect(cause(EMPTY)).to.be.instanceOf(EmptyError);
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const empty = cold('  ---|');
        const sibling = cold('-----x|');
        const expected = '    ---#';
        const ask = aggregate({ empty: () => empty, sibling: () => sibling }, quiet)(background);
        expectObservable<unknown>(ask).toBe(
          expected,
          undefined,
          new ServiceError({ service: 'empty', elapsed: 3, cause: cause(EMPTY) }),
        );
        expectSubscriptions(sibling.subscriptions).toBe('^--!');
      });
    });

    it('passes an error after a value on', () => {
      const boom = new Error('boom');
      expect(
        cause(
          concat(
            of(1),
            throwError(() => boom),
          ),
        ),
      ).to.equal(boom);
    });
  });

  describe('types', () => {
    interface TenantContext extends Context {
      readonly tenant: string;
    }
    const profile: Service<number, { name: string }> = () => of({ name: 'Alice' });
    const orders = (_ctx: Context, _id: number): Observable<number> => of(5);
    const ads = (ctx: TenantContext): Observable<string> => of(ctx.tenant);

    it('infers the answers by name and in order', () => {
      const record = aggregate({ profile, orders });
      expectTypeOf(record).toEqualTypeOf<Service<number, { profile: { name: string }; orders: number }>>();
      expectTypeOf(aggregate([profile, orders])).toEqualTypeOf<Service<number, [{ name: string }, number]>>();
      const many: Record<string, Service<number, 5>> = {};
      expectTypeOf(aggregate(many)).toEqualTypeOf<Service<number, Record<string, 5>>>();
    });

    it('infers the context of an inline service as Context', () => {
      aggregate({
        inline: (ctx) => {
          expectTypeOf(ctx).toEqualTypeOf<Context>();
          return of(1);
        },
      });
      aggregate([
        (ctx, input) => {
          expectTypeOf(ctx).toEqualTypeOf<Context>();
          expectTypeOf(input).toBeUnknown();
          return of(1);
        },
      ]);
    });

    it('asks for the intersection of inputs and of contexts', () => {
      const both = aggregate({
        a: (_ctx, { a }: { a: number }) => of(a),
        b: (_ctx, { b }: { b: string }) => of(b),
      });
      expectTypeOf(both).parameter(1).toEqualTypeOf<{ a: number } & { b: string }>();
      expectTypeOf(aggregate({ profile, ads })).parameter(0).toExtend<TenantContext>();
      expectTypeOf(aggregate({ page: aggregate({ profile, ads }) }))
        .parameter(0)
        .toExtend<TenantContext>();
    });

    it('needs no input where no service takes one', () => {
      const none = aggregate({
        a: () => of(1),
        b: (_ctx: Context, _input: void) => of(2),
        c: (_ctx, _i: unknown) => of(3),
      });
      expectTypeOf(none).toEqualTypeOf<Service<void, { a: number; b: number; c: number }>>();
      none(background).subscribe();
      const one = aggregate({ none, profile });
      expectTypeOf(one).parameter(1).toEqualTypeOf<number>();
    });

    it('asks for what there is none of where two services contradict each other, nested or not', () => {
      const both = aggregate({ a: (_ctx, n: number) => of(n), b: (_ctx, s: string) => of(s) });
      expectTypeOf(both).parameter(1).toEqualTypeOf<never>();
      expectTypeOf(aggregate({ both })).parameter(1).toEqualTypeOf<never>();
    });

    it('refuses a wrong input, a missing context field, a misspelt service', () => {
      const compileErrors = (): void => {
        const ask = aggregate({ profile, orders, ads });
        // @ts-expect-error the id is a number
        void ask({ tenant: 'acme' }, 'forty-two');
        // @ts-expect-error the id is missing
        void ask({ tenant: 'acme' });
        // @ts-expect-error the tenant is missing
        void ask({}, 42);
        // @ts-expect-error there is no profil
        void ask({ tenant: 'acme' }, 42).subscribe(({ profil }) => profil as unknown);
        // @ts-expect-error a number is no service
        aggregate({ profile, orders: 5 });
        // @ts-expect-error a promise is for run time only
        aggregate({ profile: () => Promise.resolve(1) });
      };
      expect(compileErrors).to.be.a('function');
    });
  });
});
