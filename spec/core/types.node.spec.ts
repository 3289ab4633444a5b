import { expect } from 'chai';
import { compile, type Compiled } from '../support/compiler.ts';

const imports = `
  import { firstValueFrom, Observable, of, Subject } from 'rxjs';
  import { aggregate, aggregateEach, aggregateLatest, background, batched, fetchJson, lastGood, optional } from 'forkfast';
  import { perRun, silent, singleFlight, validate, withConcurrency, withLogger, withTimeout } from 'forkfast';
  import { z } from 'zod';
  import type { Context, Service, Settled } from 'forkfast';
  import { contextOf, type NodeRequest, type NodeResponse } from 'forkfast/server';
  interface User { name: string }
  interface Order { id: number }
  interface TenantContext extends Context { readonly tenant: string }
  const user = async (_ctx: Context, id: number): Promise<User> => ({ name: String(id) });
  declare const orders: Service<number, Order[]>;
  const ads = (ctx: TenantContext) => of(ctx.tenant);
  interface Page { readonly id: number; readonly page: number }
  const paged = async (_ctx: Context, { id }: Page): Promise<User> => ({ name: String(id) });
  const Profile = z.object({ name: z.string(), tags: z.array(z.string()) });
  const one = aggregate({ user });
  declare const webRequest: Request;
  declare const request: NodeRequest;
  declare const response: NodeResponse;
`;

const spaced = (text: string): string => text.replace(/\s+/g, ' ');
const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

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
    [
      'export const /*?*/ deep = aggregate({ page: aggregate({ user, more: aggregate([orders, ads]) }) });',
      'const deep: Service<number, { page: { user: User; more: [Order[], string]; }; }, TenantContext>',
    ],
    ['record(/*?*/ background, 42);', '(alias) const background: Context import background'],
    [
      'export const /*?*/ answers = record(background, 42);',
      'const answers: Observable<{ user: User; orders: Order[]; }>',
    ],
    [
      'export const /*?*/ promise = firstValueFrom(record(background, 42));',
      'const promise: Promise<{ user: User; orders: Order[]; }>',
    ],
    ['record(background, 42).subscribe(({ /*?*/ user }) => user);', '(parameter) user: User'],
    [
      'aggregate({ user: (/*?*/ ctx, id: number) => fetchJson<User>(ctx, `http://api.test/${id}`) });',
      '(parameter) ctx: Context',
    ],
    [
      'export const /*?*/ configured = aggregate({ user, orders }, withTimeout(500), withLogger(silent));',
      'const configured: Service<number, { user: User; orders: Order[]; }, Context>',
    ],
    ['export const /*?*/ maybe = optional(user);', 'const maybe: Service<number, Settled<User>, Context>'],
    ['export const /*?*/ orNull = optional(user, null);', 'const orNull: Service<number, User | null, Context>'],
    ['export const /*?*/ orEmpty = optional(orders, []);', 'const orEmpty: Service<number, Order[], Context>'],
    [
      'export const /*?*/ orMade = optional(orders, (error, /*?*/ id) => [{ id }]);',
      'const orMade: Service<number, Order[], Context>',
    ],
    ['', '(parameter) id: number'],
    [
      'export const /*?*/ parted = aggregate({ user: optional(user), orders: optional(orders, []) });',
      'const parted: Service<number, { user: Settled<User>; orders: Order[]; }, Context>',
    ],
    [
      'export const /*?*/ loaded = batched(async (_ctx, /*?*/ ids: readonly number[]) => ids.map(String));',
      'const loaded: Service<number, string, Context>',
    ],
    ['', '(parameter) ids: readonly number[]'],
    ['export const /*?*/ kept = lastGood(user, { maxAge: 1_000 });', 'const kept: Service<number, User, Context>'],
    [
      'export const /*?*/ pages = perRun(paged, { key: (/*?*/ input) => input.id });',
      'const pages: Service<Page, User, Context>',
    ],
    ['', '(parameter) input: Page'],
    [
      "export const /*?*/ checked = (ctx: Context, id: number) => fetchJson(ctx, 'http://api.test/').pipe(validate(Profile));",
      'const checked: (ctx: Context, id: number) => Observable<{ name: string; tags: string[]; }>',
    ],
    [
      'export const /*?*/ mixed = aggregate({ checked, once: perRun(user), shared: singleFlight(orders) });',
      'const mixed: Service<number, { checked: { name: string; tags: string[]; }; once: User; shared: Order[]; }, Context>',
    ],
    [
      'export const /*?*/ dictionary = aggregate({} as Record<string, Service<number, User>>);',
      'const dictionary: Service<number, { [x: string]: User; }, Context>',
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
      if (statement.startsWith('export const /*?*/')) expect(spaced(compiled.declarations)).to.contain(declared);
    }
  });
});

describe('the compiler says', function () {
  this.timeout(60_000);

  const object = 'let each service read its own field of an object, as in (ctx, { id }: { id: number }) => ...';
  const inputsOf = (a: string, b: string): RegExp =>
    new RegExp(`^Type .* "the inputs of (?:${a} and ${b}|${b} and ${a}) contradict each other: ${literal(object)}"`);
  const neverInput = 'the type of the input is never: annotate it, as in (ctx, id: number) => ...';
  const noService = 'expected a service: pass (ctx, input) => an Observable or a promise';
  const noRecord = 'expected a record or a tuple of services';
  const plainValue = 'expected a service that returns an Observable or a promise: wrap a plain value in of(...)';
  const noContext = 'a service has two parameters, and the context is the first: write (ctx, id: number) => ...';

  /** An argument, and the one error that is reported where it is passed. */
  const cases: readonly (readonly [argument: string, message: string | RegExp])[] = [
    ['{ a: (_ctx: Context, n: number) => of(n), b: async (_ctx: Context, s: string) => s }', inputsOf('a', 'b')],
    ['{ a: (_ctx, n: number) => of(n), b: (_ctx, s: string) => of(s) }', inputsOf('a', 'b')],
    ['{ user, orders, slug: (_ctx, s: string) => of(s) }', inputsOf('(?:user|orders)', 'slug')],
    ['{ find: user, length: (_ctx, s: string) => of(s) }', inputsOf('find', 'length')],
    ['{ 1: user, 2: (_ctx, s: string) => of(s) }', inputsOf('1', '2')],
    ['{ one, slug: (_ctx, s: string) => of(s) }', inputsOf('one', 'slug')],
    ['{ user, p: perRun((_ctx, s: string) => of(s)) }', inputsOf('user', 'p')],
    ['[(_ctx, n: number) => of(n), (_ctx, s: string) => of(s)]', inputsOf('\\[0\\]', '\\[1\\]')],
    [
      '{ a: (_ctx, { id }: { id: number }) => of(id), b: (_ctx, { id }: { id: string }) => of(id) }',
      inputsOf('a', 'b'),
    ],
    ['{ user, paged }', inputsOf('user', 'paged')],
    ['{ a: (_ctx, ids: readonly number[]) => of(ids), user }', inputsOf('a', 'user')],
    [
      '{ a: (_ctx, n: 1 | 2) => of(n), b: (_ctx, n: 2 | 3) => of(n), c: (_ctx, n: 1 | 3) => of(n) }',
      `the inputs of the services contradict each other: ${object}`,
    ],
    [
      '{} as Record<string, Service<number, User> | Service<string, User>>',
      `the inputs of the services contradict each other: ${object}`,
    ],
    [
      '[user] as (typeof user | Service<string, User>)[]',
      `the inputs of the services contradict each other: ${object}`,
    ],
    [
      '{ ads, b: (ctx: Context & { tenant: number }) => of(ctx) }',
      /"the contexts of (?:ads and b|b and ads) contradict each other: give each field of the context one type"/,
    ],
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
    ['{ user, a: { orders } }', noService],
    ['{ user, a: (id: number) => of(id) }', noContext],
    ['{ user, a: (_ctx: Context, a: number, b: number) => of(a + b) }', noContext],
    ['{ user, a: () => 5 }', plainValue],
    ['{ user, timeout: withTimeout(1_000) }', plainValue],
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
    it(`'${String(message)}' for ${argument}`, () => {
      for (const statement of [`aggregate(${argument});`, `aggregateLatest(${argument});`]) {
        const messages = compiled.errors.filter(([line]) => line === statement).map(([, text]) => text);
        expect(messages, statement).to.have.length(1);
        if (typeof message === 'string') expect(messages[0]).to.contain(message);
        else expect(messages[0]).to.match(message);
      }
    });
  }

  it('nothing else', () => {
    expect(compiled.errors).to.have.length(statements.length);
  });

  it('nothing for inputs and contexts that only look different', () => {
    const accepted = `
      aggregate({ a: (_ctx, q: Readonly<{ id: number }>) => of(q), b: (_ctx, q: { id: number }) => of(q) });
      aggregate({ a: (_ctx, q: number[]) => of(q), b: (_ctx, q: readonly number[]) => of(q) });
      aggregate({ a: (_ctx, q: { [key: string]: unknown }) => of(q), paged });
      aggregate({ a: (_ctx, q: string & { readonly brand: 'id' }) => of(q), b: (_ctx, q: string) => of(q) });
      aggregate({ a: (_ctx, q: number | { id: number }) => of(q), user, b: (_ctx, q?: number) => of(q) });
      aggregate({ a: (_ctx, q: number | undefined) => of(q), b: (_ctx, q: { id: number } | undefined) => of(q) });
      aggregate({ ads, b: (ctx: Context & { readonly tenant: 'acme' | 'other' }) => of(ctx) });
      aggregate({ user, nothing: async () => { await Promise.resolve(); } });
      function generic<T>(service: Service<T, User>) { return aggregate({ service, user }); }
      function withId<T extends { id: number }>(service: Service<T, User>) { return aggregate({ service, paged }); }
    `;
    expect(compile(imports + accepted).errors).to.deep.equal([]);
  });
});

describe('the compiler teaches newcomers', function () {
  this.timeout(60_000);

  const key = 'the inputs are not primitives: pass a key, such as { key: (input) => input.id }';

  /** A mistake, and what each of its errors must contain. */
  const mistakes: readonly (readonly [statement: string, ...messages: string[]])[] = [
    ['perRun(paged);', key],
    ['singleFlight(paged);', key],
    ['batched(async (_ctx, inputs: readonly Page[]) => inputs);', key],
    ['lastGood(paged, { maxAge: 1_000 });', key],
    ['aggregate({ paged: perRun((_ctx, page: Page) => of(page)) });', key],
    ['perRun(paged, {});', "Property 'key' is missing"],
    ["perRun(paged, { key: 'id' });", "Type 'string' is not assignable to type '(input: Page) => Primitive'"],
    ['perRun(paged, { key: (page) => [page.id] });', "Type 'number[]' is not assignable to type 'Primitive'"],
    ['lastGood(user);', 'Expected 2 arguments, but got 1'],
    ['lastGood(user, {});', "Property 'maxAge' is missing"],
    ["withTimeout('1s');", "Argument of type 'string' is not assignable to parameter of type 'number'"],
    ["withConcurrency('2');", "Argument of type 'string' is not assignable to parameter of type 'number'"],
    ['withLogger({ log: () => {} });', "'log' does not exist in type 'Logger'"],
    ["withLogger(silent, { errors: 'all' });", `Type '"all"' is not assignable to type '"safe" | "full" | undefined'`],
    ['withLogger(silent, () => ({ id: 1 }));', "no properties in common with type 'LogConfig'"],
    ['aggregate({ user }, { timeout: 1_000 });', "'timeout' does not exist in type 'AggregateOption'"],
    ['aggregate({ user }, withTimeout);', "is not assignable to parameter of type 'AggregateOption'"],
    ['aggregate({ user }, 1_000);', "is not assignable to parameter of type 'AggregateOption'"],
    ['aggregate(user, orders);', 'give the service a name, as in { name: service }'],
    ['aggregate({ user })(background);', 'Expected 2 arguments, but got 1'],
    ["contextOf(webRequest, { forward: ['x-tenant'] });", "'forward' does not exist in type 'ContextOptions'"],
    [
      "contextOf(webRequest, { propagate: 'x-tenant' });",
      "Type 'string' is not assignable to type 'readonly string[]'",
    ],
    ["contextOf(request, response, { forward: ['x-tenant'] });", "'forward' does not exist in type 'ContextOptions'"],
    ["contextOf(request, { propagate: ['x-tenant'] });", "'propagate' does not exist in type 'NodeResponse'"],
    ['contextOf(request);', 'Expected 2-3 arguments, but got 1'],
    [
      "aggregate({ user })(background, '42');",
      "Argument of type 'string' is not assignable to parameter of type 'number'",
    ],
    [
      'aggregate({ user }).subscribe();',
      "'subscribe' does not exist on type 'Service<number, { user: User; }, Context>'",
    ],
    [
      'aggregate({ ads })(background);',
      "Property 'tenant' is missing in type 'Context' but required in type 'TenantContext'",
    ],
    [
      'aggregate({ user })(background, 42).subscribe(({ usr }) => usr);',
      "'usr' does not exist on type '{ user: User; }'",
    ],
    [
      'const typed: Service<number, { usr: User }> = aggregate({ user });',
      "Property 'usr' is missing in type '{ user: User; }'",
    ],
  ];
  let compiled: Compiled;
  before(() => {
    compiled = compile([imports, ...mistakes.map(([statement]) => statement)].join('\n'));
  });

  for (const [statement, ...messages] of mistakes) {
    it(statement, () => {
      const errors = compiled.errors.filter(([line]) => line === statement).map(([, text]) => spaced(text));
      expect(errors).to.have.length(1);
      for (const message of messages) expect(errors[0]).to.contain(message);
      expect(errors[0]).not.to.match(/InputOf|ContextOf|ValueOf|ConflictHint|IfNever|KeyHint/);
    });
  }

  it('nothing of requests of Node where a Request is passed', () => {
    const errors = compiled.errors.filter(([line]) => line.startsWith('contextOf(webRequest')).map(([, text]) => text);
    expect(errors).to.have.length(2);
    for (const error of errors) expect(error).not.to.match(/Node|overload/);
  });

  it('with one error for each mistake', () => {
    expect(compiled.errors).to.have.length(mistakes.length);
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
