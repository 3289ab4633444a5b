import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { of } from 'rxjs';
import { marbles } from '../../lib/testing/index.ts';
import { failureOfMarbles } from './failure-of-marbles.ts';

describe('marbles, on Node', () => {
  for (const [what, line] of [
    ['whose marbles differ', 'b'],
    ['without toBe', undefined],
  ] as const) {
    it(`fails with the stack of the expectation ${what}`, () => {
      const failure = failureOfMarbles(({ expectObservable }) => {
        const expectation = expectObservable(of('a'));
        if (line !== undefined) expectation.toBe(line);
      });
      const [title, calls = ''] = failure.stack?.split(failure.message) ?? [];
      expect(title).to.equal(`${failure.name}: `);
      expect(calls.trim().split('\n')[0]).to.contain('marbles.node.spec.ts');
    });
  }

  describe('compares values of another realm by content', () => {
    for (const [equal, different, expected] of [
      ['({ a: [1] })', '({ a: [2] })', { a: [1] }],
      ['new Map([["a", { b: 1 }]])', 'new Map([["a", { b: 2 }]])', new Map([['a', { b: 1 }]])],
      ['new Set([1])', 'new Set([2])', new Set([1])],
      ['new Date(1)', 'new Date(2)', new Date(1)],
      ['/a/g', '/a/i', /a/g],
      ['new Uint8Array([1])', 'new Uint8Array([2])', new Uint8Array([1])],
      ['new TypeError("a")', 'new TypeError("b")', new TypeError('a')],
      ['new TypeError("a")', 'new RangeError("a")', new TypeError('a')],
    ] as const) {
      it(`${equal}, and not ${different}`, () => {
        const compare = (code: string) => (): void => {
          marbles(({ expectObservable }) => {
            expectObservable<unknown>(of(runInNewContext(code))).toBe('(x|)', { x: expected });
          });
        };
        expect(compare(equal)).not.to.throw();
        expect(compare(different)).to.throw(Error, 'marbles: the notifications differ');
      });
    }
  });

  it("compares the platform's exceptions in a realm that has its own Error by their descriptions", () => {
    const platformError = Object.create(
      Object.prototype,
      Object.getOwnPropertyDescriptors(DOMException.prototype),
    ) as object;
    const exception = (message: string): unknown =>
      Object.setPrototypeOf(new DOMException(message, 'AbortError'), platformError);
    expect(exception('a')).not.to.be.instanceOf(Error);
    const compare = (message: string) => (): void => {
      marbles(({ expectObservable }) => {
        expectObservable(of(exception('a'))).toBe('(x|)', { x: exception(message) });
      });
    };
    expect(compare('a')).not.to.throw();
    expect(compare('b')).to.throw(Error, 'x  AbortError: b { code: 20 }');
  });
});
