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
  singleFlight,
  withLogger,
} from '../../lib/index.ts';
import { recordingLogger } from '../../lib/testing/index.ts';
import { inherited, key } from '../support/texts.ts';

const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 6 });
const json = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.constantFrom(null, true, 0, 'text'), tie('list'), tie('record')),
  list: fc.array(tie('value'), { maxLength: 3 }),
  // `Object.fromEntries` defines an own `__proto__`.
  record: fc.array(fc.tuple(key, tie('value')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
})).record;

/** The properties that all objects inherit, as they are now. */
const inheritedProperties = (): unknown[] =>
  [Object.prototype, Array.prototype, Function.prototype].map((prototype) =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype)).map(([name, { value }]) => [name, value as unknown]),
  );

/** Expects a plain object with these own entries. */
function expectPlain(actual: unknown, expected: Readonly<Record<string, unknown>>): void {
  expect(Object.getPrototypeOf(actual)).to.equal(Object.prototype);
  expect(Object.entries(actual as object)).to.have.deep.members(Object.entries(expected));
}

describe('security of prototypes', function () {
  this.timeout(60_000);

  const before = inheritedProperties();
  afterEach(() => {
    expect(inheritedProperties()).to.deep.equal(before);
  });

  it('keeps answers free of inherited properties, whatever the services are named', async () => {
    await fc.assert(
      fc.asyncProperty(keys, async (names) => {
        const expected = Object.fromEntries(names.map((name) => [name, { of: name }]));
        const services = Object.fromEntries(names.map((name) => [name, (): unknown => of({ of: name })])) as Record<
          string,
          Service<void, unknown>
        >;
        expectPlain(await lastValueFrom(aggregate(services)(background)), expected);
        expectPlain(await lastValueFrom(aggregateLatest(services)(background).pipe(last())), expected);
        const { inner } = await lastValueFrom(aggregate({ inner: aggregate(services) })(background));
        expectPlain(inner, expected);
        const each = aggregateEach((_ctx, name: string) => of({ of: name }));
        expect(await lastValueFrom(each(background, names))).to.deep.equal(names.map((name) => ({ of: name })));
      }),
      { numRuns: 200 },
    );
  });

  it('calls no inherited property as a service', async () => {
    expectPlain(await lastValueFrom(aggregate({})(background)), {});
    const services = JSON.parse('{"__proto__":{}}') as Record<string, never>;
    expect(() => aggregate(services)).to.throw(TypeError, '__proto__');
  });

  it('keeps errors and log lines free of inherited properties, whatever the failed service is named', () => {
    for (const name of inherited) {
      const logger = recordingLogger();
      let error: unknown;
      aggregate(
        Object.fromEntries([[name, () => throwError(() => new Error('boom'))]]),
        withLogger(logger),
      )(background).subscribe({ error: (given: unknown) => (error = given) });
      expect(error).to.be.instanceOf(ServiceError).with.property('service', name);
      expect(logger.lines.at(-1)?.fields).to.deep.include({ service: name, name: 'aggregate' });
    }
  });

  it('keeps the keys of a JSON body as own keys', async () => {
    await fc.assert(
      fc.asyncProperty(json, async (body) => {
        const fetch: Fetch = () => Promise.resolve(Response.json(body));
        const { answer } = await lastValueFrom(
          aggregate({ answer: (ctx) => fetchJson(ctx, 'http://api.test/') })({ fetch }),
        );
        expect(JSON.stringify(answer)).to.equal(JSON.stringify(body));
        expectPlain(answer, body);
      }),
      { numRuns: 200 },
    );
  });

  it('passes a context from JSON on as it is, and takes no signal and no header from its __proto__', async () => {
    const given = JSON.parse('{"__proto__":{"propagate":{"x":"y"},"deadline":0},"constructor":1}') as Context;
    const received: Context[] = [];
    const sent: string[][] = [];
    const fetch: Fetch = (_url, { headers }) => {
      sent.push([...new Headers(headers).keys()]);
      return Promise.resolve(new Response('1'));
    };
    const service: Service<void, unknown> = (ctx) => {
      received.push(ctx);
      return fetchJson({ ...ctx, fetch }, 'http://api.test/');
    };
    await lastValueFrom(aggregate({ plain: service, shared: singleFlight(service) })(given));
    expect(sent).to.deep.equal([['accept'], ['accept']]);
    for (const ctx of received) {
      expect(Object.getPrototypeOf(ctx)).to.equal(Object.prototype);
      expect(ctx.propagate).to.equal(undefined);
      expect(Object.keys(ctx)).to.include.members(['__proto__', 'constructor']);
    }
  });

  it('calls a single flight once for each name that objects inherit', () => {
    let calls = 0;
    const shared = singleFlight((_ctx, _name: string) => {
      calls++;
      return NEVER;
    });
    for (const name of [...inherited, ...inherited]) shared(background, name).subscribe();
    expect(calls).to.equal(new Set(inherited).size);
  });

  it("keeps log lines free of inherited properties, whatever the caller's fields are named", () => {
    fc.assert(
      fc.property(json, (fields) => {
        const logger = recordingLogger();
        aggregate({ a: () => of(1) }, withLogger(logger, { fields: () => fields as object }))(background).subscribe();
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
