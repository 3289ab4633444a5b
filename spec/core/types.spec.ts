import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { firstValueFrom, map, NEVER, type Observable, of, Subject } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  background,
  type Context,
  perRun,
  type Service,
  type ServiceLike,
  type Services,
  singleFlight,
  type ValueOf,
  withTimeout,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';

interface TenantContext extends Context {
  readonly tenant: string;
}
interface UserContext extends Context {
  readonly user: number;
}
const profile: Service<number, { name: string }> = () => of({ name: 'Alice' });
const orders = (_ctx: Context, _id: number): Observable<number> => of(5);
const ads = (ctx: TenantContext): Observable<string> => of(ctx.tenant);
const twice = async (_ctx: Context, n: number): Promise<number> => Promise.resolve(2 * n);

describe('a service that returns a promise', () => {
  it('is accepted by everything that takes a service, which returns an Observable', async () => {
    const record = aggregate({ twice, orders });
    expectTypeOf(record).toEqualTypeOf<Service<number, { twice: number; orders: number }>>();
    expect(await firstValueFrom(record(background, 21))).to.deep.equal({ twice: 42, orders: 5 });

    const each = aggregateEach(twice);
    expectTypeOf(each).toEqualTypeOf<Service<readonly number[], number[]>>();
    expect(await firstValueFrom(each(background, [1, 2]))).to.deep.equal([2, 4]);

    const latest = aggregateLatest({ twice });
    expectTypeOf(latest).toEqualTypeOf<Service<number, { twice?: number }>>();
    expect(await firstValueFrom(latest(background, 21))).to.deep.equal({ twice: 42 });

    const once = perRun(twice);
    expectTypeOf(once).toEqualTypeOf<Service<number, number>>();
    expect(await firstValueFrom(once(background, 21))).to.equal(42);
    expect(await firstValueFrom(aggregate({ once })(background, 21))).to.deep.equal({ once: 42 });

    const shared = singleFlight(twice);
    expectTypeOf(shared).toEqualTypeOf<Service<number, number>>();
    expect(await firstValueFrom(shared(background, 21))).to.equal(42);
  });

  it('fails with the error of the promise', async () => {
    const failing = (): Promise<never> => Promise.reject(new RangeError('boom'));
    for (const source of [aggregateEach(failing)(background, [1]), aggregate({ failing })(background)]) {
      expect(await failureOf(source, Error))
        .to.have.property('cause')
        .that.is.instanceOf(RangeError);
    }
    for (const source of [perRun(failing)(background), singleFlight(failing)(background)]) {
      expect(await failureOf(source, RangeError)).to.have.property('message', 'boom');
    }
  });

  it('may return different sources, whose values are the union', () => {
    const subject = new Subject<string>();
    const cached = (_ctx: Context, id: number): Subject<string> | Observable<never> => (id === 0 ? NEVER : subject);
    const mixed = (_ctx: Context, id: number): Promise<boolean> | Observable<number> =>
      id === 0 ? of(id) : Promise.resolve(true);
    expectTypeOf(aggregate({ cached, mixed })).toEqualTypeOf<
      Service<number, { cached: string; mixed: boolean | number }>
    >();
    expectTypeOf(aggregateEach(cached)).toEqualTypeOf<Service<readonly number[], string[]>>();
    expectTypeOf(perRun(cached)).toEqualTypeOf<Service<number, string>>();
    expectTypeOf<ValueOf<typeof mixed>>().toEqualTypeOf<boolean | number>();
  });
});

describe('the values of an aggregate', () => {
  it('have the names and the order of the services', () => {
    expectTypeOf(aggregate({ profile, orders })).toEqualTypeOf<
      Service<number, { profile: { name: string }; orders: number }>
    >();
    expectTypeOf(aggregate([profile, orders])).toEqualTypeOf<Service<number, [{ name: string }, number]>>();
    const many: Record<string, Service<number, 5>> = {};
    expectTypeOf(aggregate(many)).toEqualTypeOf<Service<number, Record<string, 5>>>();
    const list: readonly Service<number, 5>[] = [];
    expectTypeOf(aggregate(list)).toEqualTypeOf<Service<number, 5[]>>();
    void aggregate({})(background);
    expectTypeOf(aggregateLatest([profile, orders])).toEqualTypeOf<Service<number, [{ name: string }?, number?]>>();
  });

  it('nest', () => {
    expectTypeOf(aggregate({ user: aggregate({ profile, orders }), ads })).toEqualTypeOf<
      Service<number, { user: { profile: { name: string }; orders: number }; ads: string }, TenantContext>
    >();
  });

  it('are as wide as the service says', () => {
    const values = aggregate({
      a: () => of('a'),
      b: async () => Promise.resolve([1, 2]),
      c: () => of({ list: ['x'] }),
    });
    expectTypeOf(values).toEqualTypeOf<Service<void, { a: string; b: number[]; c: { list: string[] } }>>();
  });
});

describe('the context of an aggregate', () => {
  it('is a Context for an inline service, also inside of another function', () => {
    const wrapped = <In, Out>(service: ServiceLike<In, Out>): Service<In, Out> => aggregateEach(service) as never;
    const expectContext = (ctx: Context): Observable<number> => of(Object.keys(ctx).length);
    aggregate({
      none: () => of(1),
      one: (ctx) => {
        expectTypeOf(ctx).toEqualTypeOf<Context>();
        return expectContext(ctx);
      },
      two: async (ctx, id: number) => {
        expectTypeOf(ctx).toEqualTypeOf<Context>();
        return Promise.resolve(id);
      },
      wrapped: wrapped((ctx) => expectContext(ctx)),
      perRun: perRun((ctx) => expectContext(ctx)),
      singleFlight: singleFlight(() => of(1)),
    });
    aggregate([(ctx) => expectContext(ctx), (ctx, _id: number) => expectContext(ctx)]);
  });

  it('is the intersection of the contexts that the services need', () => {
    expectTypeOf(aggregate({ orders, ads })).parameter(0).toEqualTypeOf<TenantContext>();
    expectTypeOf(aggregate({ page: aggregate({ orders, ads }) }))
      .parameter(0)
      .toEqualTypeOf<TenantContext>();
    const both = aggregate({ ads, user: async ({ user }: UserContext) => Promise.resolve(user) });
    expectTypeOf(both).parameter(0).toExtend<TenantContext & UserContext>();
    void both({ tenant: 'acme', user: 42 });
    // @ts-expect-error -- the user is missing
    void both({ tenant: 'acme' });
    // @ts-expect-error -- the tenant is missing
    void aggregate({ ads })({});
    const part = aggregate({ a: ({ tenant }: { tenant: string; signal?: AbortSignal | undefined }) => of(tenant) });
    void part({ tenant: 'acme', deadline: Infinity });
    expectTypeOf(aggregate({ a: (_ctx: Pick<Context, 'signal'>) => of(1) }))
      .parameter(0)
      .toEqualTypeOf<Context>();
    expectTypeOf(perRun(ads)).parameter(0).toEqualTypeOf<TenantContext>();
    expectTypeOf(aggregateEach((ctx: TenantContext, id: number) => of(ctx.tenant + String(id))))
      .parameter(0)
      .toEqualTypeOf<TenantContext>();
  });
});

describe('the input of an aggregate', () => {
  it('is the intersection of the inputs that the services need', () => {
    const both = aggregate({
      a: (_ctx, { a }: { a: number }) => of(a),
      b: (_ctx, { b }: { b: string }) => Promise.resolve(b),
    });
    expectTypeOf(both).parameter(1).toEqualTypeOf<{ a: number } & { b: string }>();
    const each = aggregate({ a: aggregateEach(orders), b: (_ctx, ids: readonly number[]) => of(ids.length) });
    expectTypeOf(each).parameter(1).toEqualTypeOf<readonly number[]>();
  });

  it('is void if no service needs one', () => {
    const none = aggregate({
      a: () => of(1),
      b: (_ctx: Context, _input: void) => of(2),
      c: (_ctx, _input: unknown) => of(3),
      d: (_ctx: Context, _input: undefined) => of(4),
      e: perRun(() => of(5)),
    });
    expectTypeOf(none).toEqualTypeOf<Service<void, { a: number; b: number; c: number; d: number; e: number }>>();
    void none(background);
    expectTypeOf(aggregate({ none, profile })).parameter(1).toEqualTypeOf<number>();
    expectTypeOf(perRun(() => of(5))).toEqualTypeOf<Service<void, number>>();
    expectTypeOf(singleFlight(() => Promise.resolve(5))).toEqualTypeOf<Service<void, number>>();
  });

  it('may be optional, a union, a boolean, a literal, or an object with optional fields', () => {
    const need = <In>() => profile as unknown as Service<In, number>;
    const optional = need<number | undefined>();
    expectTypeOf(aggregate({ optional })).parameter(1).toEqualTypeOf<number | undefined>();
    expectTypeOf(aggregate({ optional, orders })).parameter(1).toEqualTypeOf<number>();
    expectTypeOf(aggregate({ a: need<1 | 2>(), b: need<2 | 3>() }))
      .parameter(1)
      .toEqualTypeOf<2>();
    expectTypeOf(aggregate({ a: need<boolean>(), b: need<boolean>() }))
      .parameter(1)
      .toEqualTypeOf<boolean>();
    expectTypeOf(aggregate({ a: need<boolean>(), b: need<true>() }))
      .parameter(1)
      .toEqualTypeOf<true>();
    expectTypeOf(aggregate({ a: need<{ id: number; name?: string }>(), b: need<{ name?: string }>() }))
      .parameter(1)
      .toExtend<{ id: number; name?: string }>();
    const without = aggregate({ a: need<{ id: number; name?: never }>(), b: need<{ id: number }>() });
    void without(background, { id: 1 });
    const either = aggregate({ a: need<{ id: number } | { id: string }>(), b: need<{ id: number }>() });
    void either(background, { id: 1 });
    const kinds = aggregate({ a: need<{ kind: 'a'; n: number } | { kind: 'b' }>(), b: need<{ kind: 'a' | 'b' }>() });
    void kinds(background, { kind: 'b' });
    const empty = aggregate({ a: need<Record<string, never>>() });
    void empty(background, {});
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a service without types
    const anything = need<any>();
    expectTypeOf(aggregate({ anything, orders })).parameter(1).toEqualTypeOf<number>();
  });

  it('is checked where the aggregate is called', () => {
    const ask = aggregate({ profile, orders, ads });
    const ctx = { tenant: 'acme' };
    // @ts-expect-error -- the id is a number
    void ask(ctx, 'forty-two');
    // @ts-expect-error -- the id is missing
    void ask(ctx);
    // @ts-expect-error -- no service has this name
    void ask(ctx, 42).pipe(map(({ profil }) => profil as unknown));
    // @ts-expect-error -- the inputs are an array
    void aggregateEach(orders)(background, 42);
  });
});

describe('a generic function around an aggregate', () => {
  it('compiles for services whose types it does not know', async () => {
    function both<In, Out>(service: Service<In, Out>): Service<In, { service: Out; one: number }> {
      const parts = aggregate({ service, one: () => of(1) });
      return parts as unknown as Service<In, { service: Out; one: number }>;
    }
    function emitted<Out>(service: ServiceLike<number, Out>): Observable<Out> {
      return aggregate({ service, one: () => of(1) })(background, 42).pipe(map(({ service }) => service));
    }
    function inContext<Ctx extends Context>(service: Service<number, string, Ctx>): Service<number, string, Ctx> {
      const parts = aggregate({ service, orders });
      return (ctx, id) => parts(ctx, id).pipe(map((answer) => `${answer.service} ${String(answer.orders)}`));
    }
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- a function that does not know the service
    function ofService<F extends Service<number, string>>(service: F): unknown {
      return aggregate({ service, orders });
    }
    expect(await firstValueFrom(both(profile)(background, 42))).to.deep.equal({ service: { name: 'Alice' }, one: 1 });
    expect(await firstValueFrom(emitted(twice))).to.equal(84);
    const user = inContext((ctx: TenantContext, id) => of(`${ctx.tenant} ${String(id)}`));
    expect(await firstValueFrom(user({ tenant: 'acme' }, 42))).to.equal('acme 42 5');
    expect(ofService(() => of('a'))).to.be.a('function');
  });

  it('compiles for a record of services', async () => {
    function quickly<const S extends Services<S>>(services: S) {
      return aggregate(services, withTimeout(500));
    }
    const page = quickly({ profile, twice, size: (ctx) => of(Object.keys(ctx).length > 0) });
    expectTypeOf(page).toEqualTypeOf<Service<number, { profile: { name: string }; twice: number; size: boolean }>>();
    expect(await firstValueFrom(page(background, 21))).to.deep.equal({
      profile: { name: 'Alice' },
      twice: 42,
      size: true,
    });
    // @ts-expect-error -- an Observable is not a service
    expect(() => quickly({ profile: of(1) })).to.throw(TypeError);
    expectTypeOf<Parameters<typeof aggregate>[1]>().toEqualTypeOf<ReturnType<typeof withTimeout>>();
  });
});

describe('aggregate and aggregateLatest', () => {
  const noRecord = 'expected a record or a tuple of services, got';
  class Api {
    profile(): Observable<number> {
      return of(1);
    }
  }
  const cases: readonly (readonly [unknown, string])[] = [
    [of(1), `${noRecord} an instance of Observable: wrap it in a service, as in { name: () => observable }`],
    [
      of(1).pipe(map((n) => n + 1)),
      `${noRecord} an instance of Observable: wrap it in a service, as in { name: () => observable }`,
    ],
    [new Subject(), `${noRecord} an instance of Subject: wrap it in a service, as in { name: () => observable }`],
    [
      { '@@observable': () => of(1) },
      `${noRecord} an instance of Object: wrap it in a service, as in { name: () => observable }`,
    ],
    [Promise.resolve(1), `${noRecord} an instance of Promise: wrap it in a service, as in { name: () => promise }`],
    [() => of(1), `${noRecord} a function: give the service a name, as in { name: service }`],
    ['user', `${noRecord} a string: pass { name: service }`],
    [null, `${noRecord} null: pass { name: service }`],
    [undefined, `${noRecord} undefined: pass { name: service }`],
    [new Api(), `${noRecord} an instance of Api: pass { name: service }, since the methods of a class are not called`],
    [{ profile, a: of(1) }, 'a: expected a service, got an instance of Observable: pass () => observable'],
    [[profile, of(1)], '[1]: expected a service, got an instance of Observable: pass () => observable'],
    [
      { a: Promise.resolve(1) },
      'a: expected a service, got an instance of Promise: pass (ctx, input) => an Observable or a promise',
    ],
    [{ a: 42 }, 'a: expected a service, got 42: pass (ctx, input) => an Observable or a promise'],
    [[undefined], '[0]: expected a service, got undefined: pass (ctx, input) => an Observable or a promise'],
  ];
  for (const [services, message] of cases) {
    it(`throw where they are defined: ${message}`, () => {
      expect(() => aggregate(services as object))
        .to.throw(TypeError)
        .with.property('message', `aggregate: ${message}`);
      expect(() => aggregateLatest(services as object))
        .to.throw(TypeError)
        .with.property('message', `aggregateLatest: ${message}`);
    });
  }

  it('accept a record with services named then and subscribe', () => {
    const services = { then: () => of(1), subscribe: () => of(2) };
    const values: unknown[] = [];
    aggregate(services)(background).subscribe((value) => values.push(Object.entries(value)));
    expect(values).to.deep.equal([Object.entries({ then: 1, subscribe: 2 })]);
  });
});
