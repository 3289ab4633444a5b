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

/** RFC 9110: a name is a token, and a value has visible characters, blanks, tabs and the bytes above ASCII. */
const isName = (text: string): boolean => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
const isValue = (text: string): boolean =>
  Array.from({ length: text.length }, (_, index) => text.charCodeAt(index)).every(
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
    it(`arrive unchanged, or nothing is sent: ${place}`, async () => {
      await fc.assert(
        fc.asyncProperty(name, value, async (name, value) => {
          const sent: [string, string][][] = [];
          const fetch: Fetch = (_url, { headers }) => {
            sent.push([...new Headers(headers)]);
            return Promise.resolve(new Response('ok'));
          };
          const [ctx, init] = at(name, value);
          const outcome = await lastValueFrom(fetchText({ ...ctx, fetch }, 'http://api.test/', init)).catch(
            (error: unknown) => error,
          );
          if (isName(name) && isValue(value)) {
            expect(outcome).to.equal('ok');
            expect(sent).to.deep.equal([[[name.toLowerCase(), value.replace(/^[\t ]+|[\t ]+$/g, '')]]]);
          } else {
            expect(outcome)
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

  it('have the value of init.headers, and not also that of ctx.propagate', async () => {
    await fc.assert(
      fc.asyncProperty(token, fc.boolean(), async (name, upperCase) => {
        const sent: string[] = [];
        const fetch: Fetch = (_url, { headers }) => {
          sent.push(String(new Headers(headers).get(name)));
          return Promise.resolve(new Response('ok'));
        };
        const ctx = { fetch, propagate: { [upperCase ? name.toUpperCase() : name]: 'theirs' } };
        await lastValueFrom(fetchText(ctx, 'http://api.test/', { headers: { [name]: 'ours' } }));
        expect(sent).to.deep.equal(['ours']);
      }),
    );
  });
});
