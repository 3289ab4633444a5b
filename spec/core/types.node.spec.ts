import { expect } from 'chai';
import { compile, type Compiled } from '../support/compiler.ts';

const imports = `
  import { Observable, of, Subject } from 'rxjs';
  import { aggregate, aggregateEach, aggregateLatest, background, perRun, singleFlight } from 'forkfast';
  import type { Context, Service } from 'forkfast';
  interface User { name: string }
  interface Order { id: number }
  interface TenantContext extends Context { readonly tenant: string }
  const user = async (_ctx: Context, id: number): Promise<User> => ({ name: String(id) });
  declare const orders: Service<number, Order[]>;
  const ads = (ctx: TenantContext) => of(ctx.tenant);
`;

const spaced = (text: string): string => text.replace(/\s+/g, ' ');

describe('an editor shows', function () {
  this.timeout(60_000);

  /** A statement, with a mark before the name that the reader points at, and what the editor shows. */
  const cases: readonly (readonly [statement: string, hover: string])[] = [
    [
      'export const /*?*/ record = aggregate({ user, orders });',
      'const record: Service<number, { user: User; orders: Order[]; }, Context>',
    ],
    [
      'record(background, 42).subscribe((/*?*/ answer) => answer);',
      '(parameter) answer: { user: User; orders: Order[]; }',
    ],
    ['export const /*?*/ tuple = aggregate([user, orders]);', 'const tuple: Service<number, [User, Order[]], Context>'],
    ['tuple(background, 42).subscribe((/*?*/ answer) => answer);', '(parameter) answer: [User, Order[]]'],
    ['export const /*?*/ each = aggregateEach(user);', 'const each: Service<readonly number[], User[], Context>'],
    ['each(background, [42]).subscribe((/*?*/ answer) => answer);', '(parameter) answer: User[]'],
    [
      'export const /*?*/ latest = aggregateLatest({ user, orders });',
      'const latest: Service<number, { user?: User; orders?: Order[]; }, Context>',
    ],
    [
      'latest(background, 42).subscribe((/*?*/ answer) => answer);',
      '(parameter) answer: { user?: User; orders?: Order[]; }',
    ],
    [
      'export const /*?*/ nested = aggregate({ page: record, ads });',
      'const nested: Service<number, { page: { user: User; orders: Order[]; }; ads: string; }, TenantContext>',
    ],
    [
      "nested({ tenant: 'acme' }, 42).subscribe(({ /*?*/ page }) => page);",
      '(parameter) page: { user: User; orders: Order[]; }',
    ],
    [
      'export const /*?*/ parts = aggregate({ a: (_ctx, { a }: { a: number }) => of(a), b: async (_ctx, { b }: { b: string }) => b });',
      'const parts: Service<{ a: number; } & { b: string; }, { a: number; b: string; }, Context>',
    ],
    [
      'export const /*?*/ none = aggregate({ a: () => of(1), b: async () => true });',
      'const none: Service<void, { a: number; b: boolean; }, Context>',
    ],
    ['export const /*?*/ once = perRun(user);', 'const once: Service<number, User, Context>'],
    ['export const /*?*/ shared = singleFlight(async () => 5);', 'const shared: Service<void, number, Context>'],
  ];
  let compiled: Compiled;
  before(() => {
    compiled = compile(imports + cases.map(([statement]) => statement).join('\n'));
  });

  for (const [index, [statement, hover]] of cases.entries()) {
    it(statement.replaceAll('/*?*/ ', ''), () => {
      expect(spaced(compiled.hovers[index] ?? '')).to.equal(hover);
    });
  }

  it('no error for these statements', () => {
    expect(compiled.errors).to.deep.equal([]);
  });

  it('the same types in the declarations that a package publishes', () => {
    for (const [statement, hover] of cases) {
      const declared = hover.replace('const ', '/*?*/ ');
      if (statement.startsWith('export ')) expect(spaced(compiled.declarations)).to.contain(declared);
    }
  });
});

describe('the compiler says', function () {
  this.timeout(60_000);

  const contradicting = 'the services need inputs that contradict each other: give each service its part of an object';
  const neverInput = 'the type of the input is never: annotate it, as in (ctx, id: number) => ...';
  const noService = 'expected a service: pass (ctx, input) => an Observable or a promise';
  const noRecord = 'expected a record or a tuple of services';

  /** An argument, and the one error that is reported where it is passed. */
  const cases: readonly (readonly [argument: string, message: string])[] = [
    ['{ a: (_ctx: Context, n: number) => of(n), b: async (_ctx: Context, s: string) => s }', contradicting],
    ['{ a: (_ctx, n: number) => of(n), b: (_ctx, s: string) => of(s) }', contradicting],
    ['[(_ctx, n: number) => of(n), (_ctx, s: string) => of(s)]', contradicting],
    ['{ a: (_ctx, { id }: { id: number }) => of(id), b: (_ctx, { id }: { id: string }) => of(id) }', contradicting],
    ['{ ads, b: (ctx: Context & { tenant: number }) => of(ctx) }', 'contexts that contradict each other'],
    ['{ a: (_ctx, id) => of(id) }', neverInput],
    ['[async (_ctx, id) => `/users/${id}`]', neverInput],
    ['{ page: contradicting }', neverInput],
    ['of(1)', `${noRecord}, got an Observable: wrap it in a service, as in { name: () => observable }`],
    ['new Subject<number>()', `${noRecord}, got an Observable: wrap it in a service`],
    ['Promise.resolve(1)', `${noRecord}, got a promise: wrap it in a service, as in { name: () => promise }`],
    ['() => of(1)', `${noRecord}, got a function: give the service a name, as in { name: service }`],
    ["'user'", `${noRecord}: pass { name: service }`],
    ['undefined', `${noRecord}: pass { name: service }`],
    ['{ user, a: of(1) }', 'expected a service, got an Observable: pass () => observable'],
    ['[of(1)]', 'expected a service, got an Observable: pass () => observable'],
    ['{ user, a: Promise.resolve(1) }', 'expected a service, got a promise: pass () => promise'],
    ['{ user, a: Math.random() > 0.5 ? user : of(1) }', 'is not assignable to type'],
    ['{ user, a: 5 }', noService],
    ['{ user, a: undefined }', noService],
    ['{ user, a: (id: number) => of(id) }', noService],
    ['{ user, a: () => 5 }', noService],
  ];
  const statements = cases.flatMap(([argument]) => [`aggregate(${argument});`, `aggregateLatest(${argument});`]);
  let compiled: Compiled;
  before(() => {
    const nested = `
      // @ts-expect-error -- the inputs contradict each other
      const contradicting = aggregate({ user, b: (_ctx: Context, s: string) => of(s) });
    `;
    compiled = compile([imports, nested, ...statements].join('\n'));
  });

  for (const [argument, message] of cases) {
    it(`'${message}' for ${argument}`, () => {
      for (const statement of [`aggregate(${argument});`, `aggregateLatest(${argument});`]) {
        const messages = compiled.errors.filter(([line]) => line === statement).map(([, text]) => text);
        expect(messages, statement).to.have.length(1);
        expect(messages[0]).to.contain(message);
      }
    });
  }

  it('nothing else', () => {
    expect(compiled.errors).to.have.length(statements.length);
  });
});

describe('the types of an aggregate', function () {
  this.timeout(60_000);

  it('cost time in proportion to the number of services', () => {
    const cost = (count: number): number => {
      const members = Array.from({ length: count }, (_, n) => {
        const [a, b] = [String(n), String(n + 1)];
        return `s${a}: (_ctx, { i${a} }: { i${a}: ${a}; i${b}: number }) => of({ v${a}: i${a} })`;
      });
      const { errors, instantiations } = compile(`${imports} export const all = aggregate({ ${members.join(', ')} });`);
      expect(errors).to.deep.equal([]);
      return instantiations;
    };
    const [none, some, many] = [cost(1), cost(25), cost(50)];
    expect((many - none) / (some - none)).to.be.below(2.5);
  });
});
