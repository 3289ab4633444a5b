import { expect } from 'chai';
import fc from 'fast-check';
import { lastValueFrom } from 'rxjs';
import { type Context, type Fetch, type FetchInit, fetchText } from '../../lib/index.ts';
import { inherited, text } from '../support/texts.ts';

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const name = fc.oneof(
  token,
  text,
  fc.tuple(token, text).map(([start, end]) => start + end),
  fc.constantFrom(...inherited),
);
const value = fc.oneof(
  text,
  fc.string({ unit: 'grapheme-ascii' }),
  fc.uint8Array().map((bytes) => String.fromCharCode(...bytes)),
);

/** RFC 9110: the name is a token; the value has visible characters, blanks, tabs and the bytes above ASCII. */
const isName = (given: string): boolean => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(given);
const isValue = (given: string): boolean =>
  Array.from({ length: given.length }, (_, index) => given.charCodeAt(index)).every(
    (code) => code === 9 || (code >= 0x20 && code <= 0xff && code !== 0x7f),
  );

const places: Readonly<Record<string, (name: string, value: string) => [Context, FetchInit]>> = {
  'ctx.propagate': (name, value) => [{ propagate: { [name]: value } }, {}],
  'init.headers, a record': (name, value) => [{}, { headers: { [name]: value } }],
  'init.headers, pairs': (name, value) => [{}, { headers: [[name, value]] }],
};

describe('security: headers', function () {
  this.timeout(60_000);

  for (const [place, at] of Object.entries(places)) {
    it(`arrive as they were meant, or nothing is sent: ${place}`, async () => {
      await fc.assert(
        fc.asyncProperty(name, value, async (given, said) => {
          const sent: [string, string][][] = [];
          const fetch: Fetch = (_url, { headers }) => {
            sent.push([...new Headers(headers)]);
            return Promise.resolve(new Response('ok'));
          };
          const [ctx, init] = at(given, said);
          const told = await lastValueFrom(fetchText({ ...ctx, fetch }, 'http://api.test/', init)).catch(
            (error: unknown) => error,
          );
          if (isName(given) && isValue(said)) {
            expect(told).to.equal('ok');
            expect(sent).to.deep.equal([[[given.toLowerCase(), said.replace(/^[\t ]+|[\t ]+$/g, '')]]]);
          } else {
            expect(told)
              .to.be.instanceOf(TypeError)
              .with.property('message')
              .that.matches(/^fetch: header /);
            expect(sent).to.deep.equal([]);
          }
        }),
        { numRuns: 500 },
      );
    });
  }

  it('of ctx.propagate and init.headers do not reach each other: a name has one of the values, and not both', async () => {
    await fc.assert(
      fc.asyncProperty(token, fc.boolean(), async (given, shout) => {
        const sent: string[] = [];
        const fetch: Fetch = (_url, { headers }) => {
          sent.push(String(new Headers(headers).get(given)));
          return Promise.resolve(new Response('ok'));
        };
        const ctx = { fetch, propagate: { [shout ? given.toUpperCase() : given]: 'theirs' } };
        await lastValueFrom(fetchText(ctx, 'http://api.test/', { headers: { [given]: 'ours' } }));
        expect(sent).to.deep.equal(['ours']);
      }),
    );
  });
});
