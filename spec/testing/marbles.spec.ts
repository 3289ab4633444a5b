import { expect } from 'chai';
import { of, timer } from 'rxjs';
import { CanceledError, DeadlineExceededError } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { failureOfMarbles } from './failure-of-marbles.ts';

describe('marbles', () => {
  it('runs each test in virtual time on a scheduler of its own', () => {
    for (let run = 0; run < 2; run++) {
      marbles(({ cold, hot, time, expectObservable, expectSubscriptions }) => {
        const source = cold('1s a|');
        expectObservable(source).toBe('1s a|');
        expectSubscriptions(source.subscriptions).toBe('^ 1s !');
        expectObservable(hot('--a--b'), '---^--!').toBe('-----b');
        expectObservable(timer(time('---|'))).toEqual(cold('---(a|)', { a: 0 }));
      });
    }
  });

  it('compares values deeply, and errors by their descriptions', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(of({ status: 'rejected', reason: new Error('boom') }, [new Map([['a', new Set([1])]])])).toBe(
        '(ab|)',
        { a: { status: 'rejected', reason: new Error('boom') }, b: [new Map([['a', new Set([1])]])] },
      );
      const late = { pending: ['orders'], elapsed: 1_000 };
      const timedOut = new DeadlineExceededError({ ...late, cause: new Error('late') });
      expectObservable(cold('1s #', undefined, timedOut)).toBe('1s #', undefined, new DeadlineExceededError(late));
    });
  });

  it('compares the cause if the expected error has one', () => {
    const canceled = new CanceledError({ cause: 'the user left' });
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('#', undefined, canceled)).toBe('#', undefined, new CanceledError());
      expectObservable(cold('#', undefined, canceled)).toBe('#', undefined, canceled);
    });
    const { expected, actual } = failureOfMarbles(({ cold, expectObservable }) => {
      expectObservable(cold('#', undefined, canceled)).toBe('#', undefined, new CanceledError({ cause: 'shutdown' }));
    });
    const described = '#\n#  CanceledError: context canceled { code: "ERR_CANCELED" }, caused by ';
    expect([expected, actual]).to.deep.equal([`${described}"shutdown"`, `${described}"the user left"`]);
  });

  it('rethrows the error of the test', () => {
    const error = new Error('of the test');
    const failure = failureOfMarbles(() => {
      throw error;
    });
    expect(failure).to.equal(error);
  });

  it('rejects a test that returns a promise', async () => {
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- it is
    const failure = failureOfMarbles(async ({ expectObservable }) => {
      expectObservable(of('a')).toBe('(b|)');
      await Promise.resolve();
      throw new Error('dropped');
    });
    expect(failure).to.be.instanceOf(TypeError);
    expect(failure.message).to.equal(
      'marbles: test: expected a synchronous function, got a promise: await outside of marbles',
    );
    await Promise.resolve();
  });

  it('rejects a test that is not a function', () => {
    const failure = failureOfMarbles('--a|' as unknown as () => void);
    expect(failure).to.be.instanceOf(TypeError);
    expect(failure.message).to.equal('marbles: test: expected a function, got a string: pass (helpers) => { … }');
  });

  it('rejects an expectation without toBe or toEqual', () => {
    const failure = failureOfMarbles(({ cold, expectObservable }) => {
      expectObservable(of('a')).toBe('(a|)');
      expectObservable(cold('a'));
    });
    expect(failure.message).to.equal(
      'marbles: expected toBe or toEqual after expectObservable or expectSubscriptions, got neither: call one',
    );
  });

  it('uses the letters of the expectation that fails', () => {
    const failure = failureOfMarbles(({ cold, expectObservable }) => {
      expectObservable(cold('x|', { x: 1 })).toBe('x|', { x: 1 });
      expectObservable(cold('-x|', { x: 1 })).toBe('y|', { y: 1 });
    });
    expect(failure).to.include({ expected: 'y|\ny  1', actual: '-y|\ny  1' });
  });

  it('uses the letters of the expectation that fails in a later flush', () => {
    const failure = failureOfMarbles(({ cold, flush, expectObservable }) => {
      const unready = expectObservable(cold('-c|'));
      expectObservable(cold('a|')).toBe('a|', { a: 'a' });
      flush();
      unready.toBe('-d|');
    });
    expect(failure).to.include({ expected: '-d|', actual: '-c|' });
  });
});
