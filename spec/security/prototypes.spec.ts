import { expect } from 'chai';
import fc from 'fast-check';
import { last, lastValueFrom, NEVER, of, throwError } from 'rxjs';
import {
  aggregate,
  aggregateEach,
  aggregateLatest,
  background,
  type Context,
  type Fetch,
  fetchJson,
  type Service,
  ServiceError,
  silent,
  singleFlight,
  withLogger,
} from '../../lib/index.ts';
import { recordingLogger } from '../../lib/testing/index.ts';
import { inherited, key } from '../support/texts.ts';

const quiet = withLogger(silent);
const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 6 });
const json = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.constantFrom(null, true, 0, 'text'), tie('list'), tie('record')),
  list: fc.array(tie('value'), { maxLength: 3 }),
  // Defines what it is given: an own `__proto__` too.
  record: fc.array(fc.tuple(key, tie('value')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
})).record;

/** What all objects inherit, as it is now. */
const everybodys = (): unknown[] =>
  [Object.prototype, Array.prototype, Function.prototype].map((prototype) =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype)).map(([name, { value }]) => [name, value as unknown]),
  );

/** An object of own keys, and of no prototype but everybody's. */
function expectOwn(given: unknown, expected: Readonly<Record<string, unknown>>): void {
  expect(Object.getPrototypeOf(given)).to.equal(Object.prototype);
  expect(Object.entries(given as object)).to.have.deep.members(Object.entries(expected));
}

describe('security: prototypes', function () {
  this.timeout(60_000);

  const before = everybodys();
  afterEach(() => {
    expect(everybodys()).to.deep.equal(before);
  });

  it('are no part of the answers, whatever the services are called', async () => {
    await fc.assert(
      fc.asyncProperty(keys, async (names) => {
        const expected = Object.fromEntries(names.map((name) => [name, { of: name }]));
        const services = Object.fromEntries(names.map((name) => [name, (): unknown => of({ of: name })])) as Record<
          string,
          Service<void, unknown>
        >;
        expectOwn(await lastValueFrom(aggregate(services, quiet)(background)), expected);
        expectOwn(await lastValueFrom(aggregateLatest(services, quiet)(background).pipe(last())), expected);
        const { inner } = await lastValueFrom(aggregate({ inner: aggregate(services, quiet) }, quiet)(background));
        expectOwn(inner, expected);
        const each = aggregateEach((_ctx, name: string) => of({ of: name }), quiet);
        expect(await lastValueFrom(each(background, names))).to.deep.equal(names.map((name) => ({ of: name })));
      }),
      { numRuns: 200 },
    );
  });

  it('are asked for no service: a record of none answers with none', async () => {
    expectOwn(await lastValueFrom(aggregate({}, quiet)(background)), {});
    const services = JSON.parse('{"__proto__":{}}') as Record<string, never>;
    expect(() => aggregate(services)).to.throw(TypeError, 'aggregate: __proto__ is no service');
  });

  it('are no part of an error or a line, whatever the service that failed is called', () => {
    for (const name of inherited) {
      const logger = recordingLogger();
      let told: unknown;
      aggregate(
        Object.fromEntries([[name, () => throwError(() => new Error('boom'))]]),
        withLogger(logger),
      )(background).subscribe({ error: (error: unknown) => (told = error) });
      expect(told).to.be.instanceOf(ServiceError).with.property('service', name);
      expect(logger.lines.at(-1)?.fields).to.deep.include({ service: name, name: 'aggregate' });
    }
  });

  it('are no part of a body: what JSON says of itself is an own key', async () => {
    await fc.assert(
      fc.asyncProperty(json, async (body) => {
        const fetch: Fetch = () => Promise.resolve(Response.json(body));
        const { answer } = await lastValueFrom(
          aggregate({ answer: (ctx) => fetchJson(ctx, 'http://api.test/') }, quiet)({ fetch }),
        );
        expect(JSON.stringify(answer)).to.equal(JSON.stringify(body));
        expectOwn(answer, body);
      }),
      { numRuns: 200 },
    );
  });

  it('are no part of a context: what came as JSON is carried as it is, and gives nobody a signal or a header', async () => {
    const given = JSON.parse('{"__proto__":{"propagate":{"x":"y"},"deadline":0},"constructor":1}') as Context;
    const seen: Context[] = [];
    const sent: string[][] = [];
    const fetch: Fetch = (_url, { headers }) => {
      sent.push([...new Headers(headers).keys()]);
      return Promise.resolve(new Response('1'));
    };
    const service: Service<void, unknown> = (ctx) => {
      seen.push(ctx);
      return fetchJson({ ...ctx, fetch }, 'http://api.test/');
    };
    await lastValueFrom(aggregate({ plain: service, shared: singleFlight(service) }, quiet)(given));
    expect(sent).to.deep.equal([['accept'], ['accept']]);
    for (const ctx of seen) {
      expect(Object.getPrototypeOf(ctx)).to.equal(Object.prototype);
      expect(ctx.propagate).to.equal(undefined);
      expect(Object.keys(ctx)).to.include.members(['__proto__', 'constructor']);
    }
  });

  it('are no key of a single flight: what is asked for them is asked once each', () => {
    let asked = 0;
    const ask = singleFlight((_ctx, _name: string) => {
      asked++;
      return NEVER;
    });
    for (const name of [...inherited, ...inherited]) ask(background, name).subscribe();
    expect(asked).to.equal(new Set(inherited).size);
  });

  it("are no part of a line, whatever the caller's fields are called", () => {
    fc.assert(
      fc.property(json, (fields) => {
        const logger = recordingLogger();
        aggregate(
          { a: () => of(1) },
          withLogger(logger, () => fields as object),
        )(background).subscribe();
        expect(logger.lines).to.have.length(4);
        for (const line of logger.lines) {
          expect(Object.getPrototypeOf(line.fields)).to.equal(Object.prototype);
          expect(line.fields).not.to.have.own.property('__proto__');
          expect(line.fields).to.include({ name: 'aggregate' });
        }
      }),
    );
  });
});
