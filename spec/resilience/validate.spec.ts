import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { firstValueFrom, type Observable, of, toArray } from 'rxjs';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import { validate, ValidationError } from '../../lib/index.ts';

const Profile = z.object({ name: z.string(), tags: z.array(z.string()).default([]) });

/** The value or the error of a synchronous source. */
function outcome(source: Observable<unknown>): unknown {
  let seen: unknown;
  source.subscribe({ next: (value) => (seen = value), error: (error: unknown) => (seen = error) });
  return seen;
}

/** A Standard Schema with this `validate`. */
function schemaOf<T>(validate: () => T): { '~standard': { version: 1; vendor: string; validate: () => T } } {
  return { '~standard': { version: 1, vendor: 'spec', validate } };
}

describe('validate', () => {
  it("emits the schema's output synchronously", () => {
    expect(outcome(of({ name: 'Alice', more: 1 }).pipe(validate(Profile)))).to.deep.equal({ name: 'Alice', tags: [] });
    expectTypeOf(validate(Profile)).returns.toEqualTypeOf<Observable<{ name: string; tags: string[] }>>();
  });

  it('errors with the issues and their paths', () => {
    const error = outcome(of({ name: 'Alice', tags: ['a', 2] }).pipe(validate(Profile)));
    expect(error).to.be.instanceOf(ValidationError);
    expect((error as ValidationError).issues.map(({ path }) => path)).to.deep.equal([['tags', 1]]);
    expect((error as ValidationError).message).to.match(/^tags\.1: /);
  });

  for (const [vendor, schema] of [
    ['zod', z.object({ n: z.number() })],
    ['valibot', v.object({ n: v.number() })],
    ['arktype', type({ n: 'number' })],
  ] as const) {
    it(`accepts a schema of ${vendor}`, () => {
      expect(outcome(of({ n: 1 }).pipe(validate(schema)))).to.deep.equal({ n: 1 });
      const error = outcome(of({ n: 'secret' }).pipe(validate(schema)));
      expect(error).to.be.instanceOf(ValidationError);
      expect((error as ValidationError).toJSON()['issues']).to.deep.equal([{ path: 'n' }]);
      expect(JSON.stringify(error)).not.to.include('secret');
    });
  }

  it('waits for an asynchronous schema, and keeps the order', async () => {
    const slow = z.string().refine((text) => Promise.resolve(text !== 'bad'));
    expect(await firstValueFrom(of('a', 'b').pipe(validate(slow), toArray()))).to.deep.equal(['a', 'b']);
    const error: unknown = await firstValueFrom(of('bad').pipe(validate(slow))).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ValidationError);
  });

  it('accepts path segments that are objects', () => {
    const schema = schemaOf(() => ({ issues: [{ message: 'no', path: [{ key: 'a' }, 0] }] }));
    expect(outcome(of(1).pipe(validate(schema)))).to.have.property('message', 'a.0: no');
  });

  it('passes on an error that the schema throws', () => {
    const boom = new Error('boom');
    const schema = schemaOf((): never => {
      throw boom;
    });
    expect(outcome(of(1).pipe(validate(schema)))).to.equal(boom);
  });

  for (const [value, kind] of [
    [{}, 'an instance of Object'],
    [undefined, 'undefined'],
    [null, 'null'],
  ] as const) {
    it(`throws for ${kind}`, () => {
      expect(() => validate(value as never)).to.throw(
        TypeError,
        `validate: schema: expected a Standard Schema, got ${kind}: pass a schema of zod or valibot`,
      );
    });
  }
});
