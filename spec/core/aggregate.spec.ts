import { expect } from 'chai';
import { type Observable, of } from 'rxjs';
import { aggregate, background, type Service } from '../../lib/index.ts';
import { notificationsOf } from '../support/failure.ts';

describe('aggregate', () => {
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
  const withoutPrototype = (services: object): object => Object.assign(Object.create(null) as object, services);

  for (const [what, services, values] of [
    ['a record without a prototype', withoutPrototype({ a: () => of(1) }), { a: 1 }],
    ['an empty record', {}, {}],
    ['an empty record without a prototype', withoutPrototype({}), {}],
    ['an empty tuple', [], []],
    ['an instance of a class, with its private fields', new Api(), { name: 'api' }],
    ['a record whose services use `this`', literal, { id: 1, same: true }],
  ] as const) {
    it(`accepts ${what}`, () => {
      expect(notificationsOf(aggregate(services)(background))).to.deep.equal([values, 'complete']);
    });
  }

  it('accepts a service named __proto__, whose value pollutes nothing', () => {
    const services = JSON.parse('{ "__proto__": 0, "constructor": 0 }') as Record<string, Service<void, unknown>>;
    for (const name of Object.keys(services)) {
      Object.defineProperty(services, name, { value: () => of({ polluted: name }) });
    }
    const [values] = notificationsOf(aggregate(services)(background)) as [object];
    expect(Object.keys(values)).to.deep.equal(['__proto__', 'constructor']);
    expect(Object.getOwnPropertyDescriptor(values, '__proto__')).to.include({ configurable: true, writable: true });
    expect(Object.getPrototypeOf(values)).to.equal(Object.prototype);
    expect('polluted' in values || 'polluted' in {}).to.equal(false);
  });

  it('keeps the services that the record had when the aggregate was made', () => {
    const services: Record<string, Service<void, number>> = { a: () => of(1) };
    const run = aggregate(services)(background);
    services['a'] = () => of(2);
    services['b'] = () => of(3);
    expect(notificationsOf(run)).to.deep.equal([{ a: 1 }, 'complete']);
  });

  class Methods {
    profile(): Observable<number> {
      return of(1);
    }
  }
  for (const [services, message] of [
    [{ profile: 42 }, 'profile: expected a service, got 42: pass (ctx, input) => an Observable or a promise'],
    [{ profile: of(1) }, 'profile: expected a service, got an instance of Observable'],
    [[undefined], '[0]: expected a service, got undefined'],
    [Object.assign([], { 1: () => of(1) }), '[0]: expected a service, got undefined'],
    [{ [Symbol('ads')]: () => of(1) }, 'expected names of services, got Symbol(ads): use a text'],
    [null, 'got null: pass { name: service }'],
    [() => of(1), 'got a function: give the service a name'],
    [new Methods(), 'got an instance of Methods: pass { name: service }'],
  ] as const) {
    it(`throws for what is not a record of services: ${message}`, () => {
      expect(() => aggregate(services as unknown as Record<string, Service<void, unknown>>)).to.throw(
        TypeError,
        message,
      );
    });
  }

  it('throws for an option that is not a function', () => {
    expect(() => aggregate({}, { timeout: 1 } as never)).to.throw(TypeError, 'withTimeout(1_000)');
  });
});
