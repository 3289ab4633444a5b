import { expect } from 'chai';
import { of } from 'rxjs';
import { marbles } from '../../lib/testing/index.ts';

describe('a failure of marbles', () => {
  for (const [what, line] of [
    ['that was not met', 'b'],
    ['without toBe', undefined],
  ] as const) {
    it(`has the stack of the expectation ${what}`, () => {
      let failure = new Error();
      try {
        marbles(({ expectObservable }) => {
          const expectation = expectObservable(of('a'));
          if (line !== undefined) expectation.toBe(line);
        });
      } catch (error) {
        failure = error as Error;
      }
      const [title, calls = ''] = failure.stack?.split(failure.message) ?? [];
      expect(title).to.equal(`${failure.name}: `);
      expect(calls.trim().split('\n')[0]).to.contain('marbles.node.spec.ts');
    });
  }
});
