import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { firstValueFrom, type Observable, of, toArray } from 'rxjs';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import { validate, ValidationError } from '../../lib/index.ts';

const Profile = z.object({ name: z.string(), tags: z.array(z.string()).default([]) });

/** What a synchronous source told. */
function told(source: Observable<unknown>): unknown {
  let seen: unknown;
  source.subscribe({ next: (value) => (seen = value), error: (error: unknown) => (seen = error) });
  return seen;
}

describe('validate', () => {
  it('emits what the schema makes of a value, synchronously', () => {
    expect(told(of({ name: 'Alice', more: 1 }).pipe(validate(Profile)))).to.deep.equal({ name: 'Alice', tags: [] });
    expectTypeOf(validate(Profile)).returns.toEqualTypeOf<Observable<{ name: string; tags: string[] }>>();
  });

  it('errors with the issues and where they are', () => {
    const error = told(of({ name: 'Alice', tags: ['a', 2] }).pipe(validate(Profile)));
    expect(error).to.be.instanceOf(ValidationError);
    expect((error as ValidationError).issues.map(({ path }) => path)).to.deep.equal([['tags', 1]]);
    expect((error as ValidationError).message).to.match(/^tags\.1: /);
  });

  it('takes zod, valibot and arktype as they are', () => {
    for (const schema of [z.object({ n: z.number() }), v.object({ n: v.number() }), type({ n: 'number' })]) {
      expect(told(of({ n: 1 }).pipe(validate(schema)))).to.deep.equal({ n: 1 });
      const error = told(of({ n: 'secret' }).pipe(validate(schema)));
      expect(error).to.be.instanceOf(ValidationError);
      expect((error as ValidationError).toJSON()['issues']).to.deep.equal([{ path: 'n' }]);
      expect(JSON.stringify(error)).not.to.include('secret');
    }
  });

  it('waits for an asynchronous schema, and keeps the order', async () => {
    const slow = z.string().refine((text) => Promise.resolve(text !== 'bad'));
    expect(await firstValueFrom(of('a', 'b').pipe(validate(slow), toArray()))).to.deep.equal(['a', 'b']);
    const error: unknown = await firstValueFrom(of('bad').pipe(validate(slow))).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ValidationError);
  });

  it('takes any Standard Schema, whose path may have segments that are objects', () => {
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'spec',
        validate: () => ({ issues: [{ message: 'no', path: [{ key: 'a' }, 0] }] }),
      },
    } as const;
    expect(told(of(1).pipe(validate(schema)))).to.have.property('message', 'a.0: no');
  });

  it('passes on what a schema throws', () => {
    const boom = new Error('boom');
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'spec',
        validate: (): never => {
          throw boom;
        },
      },
    } as const;
    expect(told(of(1).pipe(validate(schema)))).to.equal(boom);
  });

  it('refuses what is no schema', () => {
    expect(() => validate({} as never)).to.throw(TypeError, 'no Standard Schema');
    for (const nothing of [undefined, null]) {
      expect(() => validate(nothing as never)).to.throw(
        TypeError,
        `validate: ${String(nothing)} is no Standard Schema`,
      );
    }
  });
});
