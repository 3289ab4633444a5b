import { expect } from 'chai';
import { timeout, NEVER } from 'rxjs';
import { ServiceError } from '../../lib/index.ts';
import { equal, show } from '../../lib/testing/values.ts';
import { failureOf } from '../support/failure.ts';

class NotFound extends Error {}
class Gone extends Error {}
const coded = (code: string): Error => Object.assign(new Error('boom'), { code });
/** Caused by itself, at the end of its causes. */
const circular = (message: string): Error => {
  const error = new Error('boom');
  error.cause = new Error(message, { cause: [error] });
  return error;
};
const failed = (service: string, elapsed: number): ServiceError =>
  Object.assign(new ServiceError({ service: 'a', elapsed, cause: 'boom' }), { service });

describe('values', () => {
  for (const [what, actual, expected] of [
    ['primitives', NaN, NaN],
    ['records', { a: [1, { b: undefined }] }, { a: [1, { b: undefined }] }],
    ['maps and sets', new Map([[1, new Set(['a'])]]), new Map([[1, new Set(['a'])]])],
    ['dates and URLs', [new Date(0), new URL('http://a.test/b')], [new Date(0), new URL('http://a.test/b')]],
    ['bytes', new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    ['errors', new NotFound('boom'), new NotFound('boom')],
    ['errors inside of values', [{ reason: new TypeError('boom') }], [{ reason: new TypeError('boom') }]],
    ['an error with a cause, where none is asked for', new Error('a', { cause: 'b' }), new Error('a')],
    ['errors with equal causes', new Error('a', { cause: coded('E') }), new Error('a', { cause: coded('E') })],
    ['errors that are their own causes', circular('a'), circular('a')],
    ['errors whose other fields differ', failed('a', 1), failed('a', 2)],
    ['DOMExceptions', new DOMException('a', 'AbortError'), new DOMException('a', 'AbortError')],
  ] as const) {
    it(`are equal: ${what}`, () => {
      expect(equal(actual, expected)).to.equal(true);
    });
  }

  for (const [what, actual, expected] of [
    ['records', { a: 1 }, { a: 1, b: undefined }],
    ['zeros', 0, -0],
    ['URLs', new URL('http://a.test/b'), new URL('http://a.test/c')],
    ['classes of errors', new NotFound('boom'), new Gone('boom')],
    ['names of errors', new DOMException('a', 'AbortError'), new DOMException('a', 'TimeoutError')],
    ['codes', coded('E_ONE'), coded('E_TWO')],
    ['services', failed('a', 1), failed('b', 1)],
    ['messages', new Error('a'), new Error('b')],
    ['causes', new Error('a', { cause: new Error('b') }), new Error('a', { cause: new Error('c') })],
    ['errors that are their own causes', circular('a'), circular('b')],
    ['no cause, where one is asked for', new Error('a'), new Error('a', { cause: 'b' })],
    ['an error and what looks like one', { name: 'Error', message: 'a' }, new Error('a')],
  ] as const) {
    it(`differ: ${what}`, () => {
      expect(equal(actual, expected)).to.equal(false);
    });
  }

  it('are shown in a line', () => {
    const self: Record<string, unknown> = { a: 1 };
    self['self'] = self;
    for (const [value, shown] of [
      ['a "b"', '"a \\"b\\""'],
      [undefined, 'undefined'],
      [-0, '-0'],
      [5n, '5n'],
      [Symbol('a'), 'Symbol(a)'],
      [show, '[function show]'],
      [[], '[]'],
      [{ a: [1, null], b: {} }, '{ a: [1, null], b: {} }'],
      [Object.create(null), '{}'],
      [self, '{ a: 1, self: [circular] }'],
      [new Map<unknown, unknown>([['a', { b: 1 }]]), 'Map { "a": { b: 1 } }'],
      [new Set([1]), 'Set { 1 }'],
      [
        new (class Profile {
          name = 'Alice';
        })(),
        'Profile { name: "Alice" }',
      ],
      [new Date(1), '1970-01-01T00:00:00.001Z'],
      [new Date(NaN), 'Invalid Date'],
      [/a/g, '/a/g'],
      [new URL('http://a.test/b'), 'http://a.test/b'],
    ] as const) {
      expect(show(value)).to.equal(shown);
    }
  });

  it('that are errors are shown with what they are compared by', async () => {
    for (const [error, shown] of [
      [new NotFound('user'), 'NotFound: user'],
      [coded('E_BOOM'), 'Error: boom { code: "E_BOOM" }'],
      [new DOMException('a', 'AbortError'), 'AbortError: a { code: 20 }'],
      [
        [new ServiceError({ service: 'a', elapsed: 1, cause: new TypeError('boom', { cause: 'why' }) })],
        '[ServiceError: a: boom { code: "ERR_SERVICE_FAILED", service: "a" }, caused by TypeError: boom, caused by "why"]',
      ],
      [await failureOf(NEVER.pipe(timeout(0)), Error), 'TimeoutError: Timeout has occurred'],
    ] as const) {
      expect(show(error)).to.equal(shown);
    }
  });
});
