import { expect } from 'chai';
import fc from 'fast-check';
import { url, type UrlValue } from '../../lib/index.ts';

/** Text that has escaped from the paths of other libraries, and lone surrogates. */
const nasty = fc.constantFrom(
  ...[
    '.',
    '..',
    '/',
    '//',
    '\\',
    '%2e',
    '%2E',
    '%2f',
    '%5c',
    '%',
    '%25',
    '?',
    '#',
    '@',
    ':',
    ':80',
    ';',
    '&',
    '=',
    '+',
  ],
  ...[
    '\t',
    '\n',
    '\r',
    '\0',
    ' ',
    '\u00ad',
    '\u2028',
    '\u202e',
    '\uff0e',
    '\uff0f',
    '\ud800',
    '\udc00',
    '😀',
    'é',
    'x',
    'e',
  ],
  ...['//evil.test', '\\\\evil.test', '@evil.test/', 'http://evil.test/', 'javascript:', '__proto__', '42'],
);
const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
const text = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('', '.', '..') },
  { weight: 3, arbitrary: fc.array(nasty, { maxLength: 5 }).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.array(unit, { maxLength: 20 }).map((units) => units.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);

const base = fc.constantFrom<string | URL>(
  'http://api.test',
  'https://api.test/',
  'http://api.test:8080/v1',
  'http://127.0.0.1/v1/',
  'http://[::1]:8080',
  'http://api.test\\v1\\',
  '\n http://api.test/v1\n',
  'http://api.test/.',
  new URL('https://api.test/v1'),
);

/** Calls the template tag as a function. */
function fill(literals: readonly string[], values: readonly UrlValue[]): URL {
  return url(Object.assign([...literals], { raw: literals }), ...values);
}

function attempt(make: () => URL): URL | TypeError {
  try {
    return make();
  } catch (error) {
    expect(error)
      .to.be.instanceOf(TypeError)
      .with.property('message')
      .that.matches(/^url: /);
    return error as TypeError;
  }
}

const isText = (value: string): boolean => {
  try {
    return encodeURIComponent(value) !== '';
  } catch {
    return false;
  }
};
const isSegment = (value: string): boolean => isText(value) && !['.', '..'].includes(value);
const segments = ({ pathname }: URL): string[] => pathname.split('/').map(decodeURIComponent);
const runs = { numRuns: 2_000 };

describe('security: url', function () {
  this.timeout(60_000); // a quadratic algorithm would take minutes for the longest URL

  it('encodes each value as one segment that decodes to it, and throws only for text that cannot be a segment', () => {
    fc.assert(
      fc.property(base, text, text, (at, first, second) => {
        const harmless = url`${at}/users/${'x'}/orders/${'x'}`;
        const made = attempt(() => url`${at}/users/${first}/orders/${second}`);
        expect(made instanceof URL).to.equal(isSegment(first) && isSegment(second));
        if (!(made instanceof URL)) return;
        const { origin, username, password, search, hash } = made;
        expect({ origin, username, password, search, hash }).to.deep.equal({
          origin: new URL(at).origin,
          username: '',
          password: '',
          search: '',
          hash: '',
        });
        const wanted = segments(harmless);
        wanted.splice(-3, 3, first, 'orders', second);
        expect(segments(made)).to.deep.equal(wanted);
      }),
      runs,
    );
  });

  it('encodes each value of a query or a fragment so that it decodes to the value, and keeps the path', () => {
    fc.assert(
      fc.property(base, text, text, text, (at, name, value, hash) => {
        const harmless = url`${at}/users`;
        const made = attempt(() => url`${at}/users?a=${value}&b=${name}&c=1#${hash}`);
        expect(made instanceof URL).to.equal([name, value, hash].every((given) => given === '' || isText(given)));
        if (!(made instanceof URL)) return;
        expect([made.origin, made.pathname]).to.deep.equal([harmless.origin, harmless.pathname]);
        expect([...made.searchParams]).to.deep.equal([['a', value], ['b', name], ['c', '1']]); // prettier-ignore
        expect(decodeURIComponent(made.hash.slice(1))).to.equal(hash);
      }),
      runs,
    );
  });

  it('keeps the origin and the number of segments in any template, even with line breaks', () => {
    // The parser drops some of these, and reads some as a slash.
    const blank = fc.constantFrom('', '', '\n', '\t', '\r\n  ', ' ', '\0', '.', '%2e', '%2', 'v', '\\', '/', '/users/');
    const hole = fc.record({ before: blank, value: text, after: blank });
    fc.assert(
      fc.property(base, fc.array(hole, { minLength: 1, maxLength: 3 }), blank, (at, holes, end) => {
        const befores = holes.map(({ before }, index) => `${holes[index - 1]?.after ?? ''}/${before}`);
        const literals = ['', ...befores, `${holes.at(-1)!.after}${end}`];
        const values = holes.map(({ value }) => value);
        const harmless = attempt(() => fill(literals, [at, ...values.map(() => 'x')]));
        const made = attempt(() => fill(literals, [at, ...values]));
        if (!(made instanceof URL) || !(harmless instanceof URL)) return;
        expect(made.origin).to.equal(harmless.origin);
        expect(made.pathname.split('/')).to.have.length(harmless.pathname.split('/').length);
        expect(made.search + made.hash).to.equal('');
      }),
      runs,
    );
  });

  it('keeps the origin when nothing is between the base and the value', () => {
    fc.assert(
      fc.property(base, text, (at, value) => {
        const made = attempt(() => url`${at}${value}`);
        if (!(made instanceof URL)) return;
        expect(made.origin).to.equal(new URL(at).origin);
        expect(made.username + made.password).to.equal('');
        expect(made.pathname.split('/')).to.have.length(new URL(at).pathname.split('/').length);
      }),
      runs,
    );
  });

  it('rejects an invalid URL in linear time', () => {
    expect(attempt(() => url`${'/'.repeat(300_000)}?${'S3CRET'}`)).to.be.instanceOf(TypeError);
  });

  it('quotes no value of a query in an error', () => {
    fc.assert(
      fc.property(text, fc.constantFrom('\ud800', '\udc00'), (around, lone) => {
        const made = attempt(() => url`http://api.test/users?token=${`${around}S3CRET${lone}`}`);
        expect(made).to.be.instanceOf(TypeError);
        expect(String(made)).not.to.include('S3CRET');
      }),
    );
  });
});
