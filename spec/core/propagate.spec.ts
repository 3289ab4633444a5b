import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { firstValueFrom, type Observable, of } from 'rxjs';
import { aggregate, type Context, fetchText, fromAbortable } from '../../lib/index.ts';
import { recordingFetch } from '../support/stub-fetch.ts';

/** The headers that `fetchText` sends in a run. */
async function sentHeaders(propagate: Context['propagate']): Promise<Record<string, string>> {
  const { fetch, requests } = recordingFetch();
  const page = aggregate({ name: (ctx) => fetchText(ctx, 'http://api.test/name') });
  await firstValueFrom(page({ fetch, propagate }));
  return Object.fromEntries(new Headers(requests[0]?.init.headers));
}

describe('ctx.propagate', () => {
  it('takes the headers of a framework, and leaves out the missing ones', async () => {
    const headers: Record<string, string | undefined> = { 'x-tenant': 'acme', 'x-request-id': undefined };
    expectTypeOf(headers).toExtend<NonNullable<Context['propagate']>>();
    expect(await sentHeaders(headers))
      .to.include({ 'x-tenant': 'acme' })
      .and.not.have.property('x-request-id');
    expect(await sentHeaders({ 'x-request-id': undefined })).not.to.have.property('x-request-id');
  });

  it('takes text only, in types', () => {
    expectTypeOf<{ propagate: { a: string; b?: string } }>().toExtend<Context>();
    expectTypeOf<{ propagate: { a: string[] } }>().not.toExtend<Context>();
    expectTypeOf<{ propagate: { a: null } }>().not.toExtend<Context>();
    expectTypeOf<{ propagate: { a: number } }>().not.toExtend<Context>();
  });

  it('sends numbers and booleans as their text', async () => {
    const headers = { a: 42, b: true, c: 42n } as unknown as Record<string, string>;
    expect(await sentHeaders(headers)).to.include({ a: '42', b: 'true', c: '42' });
  });

  const invalid: readonly (readonly [value: unknown, kind: string])[] = [
    [null, 'null'],
    [['secret', 'secret'], 'an instance of Array'],
    [{ secret: 1 }, 'an instance of Object'],
    [() => 'secret', 'a function'],
    [Symbol('secret'), 'a symbol'],
  ];
  for (const [value, kind] of invalid) {
    it(`is rejected before anything is called if a header is ${kind}`, () => {
      const never = (): never => expect.fail('called');
      const ctx = { fetch: never, propagate: { 'x-id': '7', 'x-tenant': value } } as unknown as Context;
      const sources: readonly Observable<unknown>[] = [
        aggregate({ never })(ctx),
        fromAbortable(ctx, never),
        fetchText(ctx, 'http://api.test/name'),
        aggregate({ copy: () => fetchText({ ...ctx }, 'http://api.test/name') })({ fetch: () => of(1) as never }),
      ];
      const fix = 'pass text, or undefined to leave the header out';
      for (const source of sources) {
        let reported: unknown;
        source.subscribe({ error: (error: unknown) => (reported = error) });
        expect(reported)
          .to.be.instanceOf(Error)
          .with.property('message')
          .that.includes(`ctx.propagate["x-tenant"]: expected a string, got ${kind}: ${fix}`)
          .and.does.not.include('secret');
      }
    });
  }
});
