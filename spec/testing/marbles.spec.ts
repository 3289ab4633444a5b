import { expect } from 'chai';
import { merge, NEVER, of, throwError, timer } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { CanceledError, DeadlineExceededError, ServiceError } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

interface Failure extends Error {
  readonly expected?: string;
  readonly actual?: string;
}

function failureOf(test: (helpers: RunHelpers) => void): Failure {
  try {
    marbles(test);
  } catch (error) {
    return error as Failure;
  }
  throw new Error('it passed');
}

const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 1_000 });

describe('marbles', () => {
  it('runs a test in virtual time, each on a scheduler of its own', () => {
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

  it('compares values deeply, and errors by what they say', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(of({ status: 'rejected', reason: new Error('boom') }, [new Map([['a', new Set([1])]])])).toBe(
        '(ab|)',
        { a: { status: 'rejected', reason: new Error('boom') }, b: [new Map([['a', new Set([1])]])] },
      );
      const timedOut = new DeadlineExceededError({ pending: ['orders'], elapsed: 1_000, cause: new Error('late') });
      expectObservable(cold('1s #', undefined, timedOut)).toBe('1s #', undefined, late);
    });
  });

  it('asks for a cause where the expected error has one', () => {
    const canceled = new CanceledError({ cause: 'the user left' });
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('#', undefined, canceled)).toBe('#', undefined, new CanceledError());
      expectObservable(cold('#', undefined, canceled)).toBe('#', undefined, canceled);
    });
    const failure = failureOf(({ cold, expectObservable }) => {
      expectObservable(cold('#', undefined, canceled)).toBe('#', undefined, new CanceledError({ cause: 'shutdown' }));
    });
    expect(failure.message).to.equal(
      [
        'The notifications are not those that were expected.',
        '',
        '  expected  #',
        '  actual    #',
        '',
        '  # expected  CanceledError: context canceled { code: "ERR_CANCELED" }, caused by "shutdown"',
        '  # actual    CanceledError: context canceled { code: "ERR_CANCELED" }, caused by "the user left"',
      ].join('\n'),
    );
  });

  it('passes on what the test throws', () => {
    const error = new Error('of the test');
    const failure = failureOf(() => {
      throw error;
    });
    expect(failure).to.equal(error);
  });

  it('refuses a test that returns a promise', async () => {
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- it is
    const failure = failureOf(async ({ expectObservable }) => {
      expectObservable(of('a')).toBe('(b|)');
      await Promise.resolve();
      throw new Error('dropped');
    });
    expect(failure)
      .to.be.instanceOf(TypeError)
      .with.property('message')
      .that.matches(/never virtual: await outside/);
    await Promise.resolve();
  });

  it('refuses what is no test', () => {
    const failure = failureOf('--a|' as unknown as () => void);
    expect(failure).to.be.instanceOf(TypeError).with.property('message', 'marbles: a test, not a string');
  });

  it('refuses an expectation that expects nothing', () => {
    const failure = failureOf(({ cold, expectObservable }) => {
      expectObservable(of('a')).toBe('(a|)');
      expectObservable(cold('a'));
    });
    expect(failure.message).to.equal('marbles: an expectation without toBe or toEqual');
  });

  it('knows each expectation by its letters', () => {
    const failure = failureOf(({ cold, expectObservable }) => {
      expectObservable(cold('x|', { x: 1 })).toBe('x|', { x: 1 });
      expectObservable(cold('-x|', { x: 1 })).toBe('y|', { y: 1 });
    });
    expect(failure).to.include({ expected: 'y|\ny  1', actual: '-y|\ny  1' });
  });

  it('tells the failures of several flushes apart', () => {
    const failure = failureOf(({ cold, flush, expectObservable }) => {
      const unready = expectObservable(cold('-c|'));
      expectObservable(cold('a|')).toBe('a|', { a: 'a' });
      flush();
      unready.toBe('-d|');
    });
    expect(failure).to.include({ expected: '-d|', actual: '-c|' });
  });

  const title = 'The notifications are not those that were expected.';
  const tables: [what: string, test: (helpers: RunHelpers) => void, message: string[]][] = [
    [
      'a value that differs, with the letters of the test',
      ({ cold, expectObservable }) => {
        const seen = cold('--p-q|', { p: { orders: 4 }, q: 'same' });
        expectObservable(seen).toBe('--x-y|', { x: { orders: 5 }, y: 'same' });
      },
      ['  expected  --x-y|', '  actual    --a-y|', '', '  x  { orders: 5 }', '  a  { orders: 4 }'],
    ],
    [
      'the letters that values are themselves, which need no word',
      ({ cold, expectObservable }) => {
        expectObservable(cold('a-b|')).toBe('a--b|');
      },
      ['  expected  a--b|', '  actual    a-b|'],
    ],
    [
      'a free letter for a value whose own is taken',
      ({ cold, expectObservable }) => {
        expectObservable(cold('-a-b|')).toBe('-a|', { a: 'b' });
      },
      ['  expected  -a|', '  actual    -b-a|', '', '  a  "b"', '  b  "a"'],
    ],
    [
      'what came too late, aligned over a long time',
      ({ cold, expectObservable }) => {
        expectObservable(cold('a 999ms b|')).toBe('a 989ms b|');
      },
      ['  expected  a 989ms b|', '  actual    a 999ms           b|'],
    ],
    [
      'a group, and seconds, minutes and what is neither',
      ({ cold, expectObservable }) => {
        expectObservable(cold('(ab) 1m c 1499ms d')).toBe('(ab) 2s c 1m #');
      },
      [
        '  expected  (ab) 2s c 1m               #',
        '  actual    (ab) 1m      c 1499ms d',
        '',
        '  #  "error", since toBe was given no error',
      ],
    ],
    [
      'an error that differs, with what it is compared by',
      ({ cold, expectObservable }) => {
        const failed = new ServiceError({ service: 'orders', elapsed: 1, cause: new Error('boom') });
        expectObservable(cold('1s #', undefined, failed)).toBe('1s #', undefined, late);
      },
      [
        '  expected  1s #',
        '  actual    1s #',
        '',
        '  # expected  DeadlineExceededError: context deadline exceeded after 1000 ms, pending: orders { code: "ERR_DEADLINE_EXCEEDED" }',
        '  # actual    ServiceError: orders: boom { code: "ERR_SERVICE_FAILED", service: "orders" }, caused by Error: boom',
      ],
    ],
    [
      'that no error was given to expect',
      ({ expectObservable }) => {
        expectObservable(throwError(() => new TypeError('boom'))).toBe('#');
      },
      [
        '  expected  #',
        '  actual    #',
        '',
        '  # expected  "error", since toBe was given no error',
        '  # actual    TypeError: boom',
      ],
    ],
    [
      'an error where a value was expected',
      ({ cold, expectObservable }) => {
        expectObservable(cold('1s #', undefined, late)).toBe('10ms (u|)', { u: 'User: Alice | Orders: 5' });
      },
      [
        '  expected  10ms (u|)',
        '  actual    1s          #',
        '',
        '  u  "User: Alice | Orders: 5"',
        '  #  DeadlineExceededError: context deadline exceeded after 1000 ms, pending: orders { code: "ERR_DEADLINE_EXCEEDED" }',
      ],
    ],
    [
      'that nothing came',
      ({ expectObservable }) => {
        expectObservable(NEVER).toBe('---a|');
      },
      ['  expected  ---a|', '  actual    -'],
    ],
    [
      'where nothing was to come',
      ({ expectObservable }) => {
        expectObservable(of('a')).toBe('');
      },
      ['  expected  -', '  actual    (a|)'],
    ],
    [
      'what a line cannot say: what comes while a group takes its room',
      ({ cold, expectObservable }) => {
        expectObservable(merge(of('a', 'b'), cold('-c--d|'))).toBe('(ab)c|');
      },
      [
        '  expected  (ab)c|',
        '  actual    (ab)cd|',
        '',
        '  c  at 1ms in actual: beside the group there is no room for it',
        '  d  at 4ms in actual: beside the group there is no room for it',
        '  |  at 5ms in actual: beside the group there is no room for it',
      ],
    ],
    [
      'half a millisecond, each line by itself',
      ({ expectObservable }) => {
        expectObservable(timer(0.5)).toBe('-(a|)', { a: 0 });
      },
      ['  expected  -(a|)', '  actual    0.5ms (a|)', '', '  a  0'],
    ],
    [
      'what another source was to emit',
      ({ cold, expectObservable }) => {
        expectObservable(cold('-a|')).toEqual(cold('--a|'));
      },
      ['  expected  --a|', '  actual    -a|'],
    ],
    [
      'a value that fills no line on several',
      ({ cold, expectObservable }) => {
        const user = (orders: number) => ({
          name: 'A'.repeat(60),
          account: { id: 42, tags: ['x'.repeat(40)] },
          orders,
        });
        expectObservable(cold('-a|', { a: user(4) })).toBe('-a|', { a: user(5) });
      },
      [
        '  expected  -a|',
        '  actual    -b|',
        '',
        '  a  {',
        `       name: "${'A'.repeat(60)}",`,
        `       account: { id: 42, tags: ["${'x'.repeat(40)}"] },`,
        '       orders: 5,',
        '     }',
        '  b  {',
        `       name: "${'A'.repeat(60)}",`,
        `       account: { id: 42, tags: ["${'x'.repeat(40)}"] },`,
        '       orders: 4,',
        '     }',
      ],
    ],
    [
      'inner sources',
      ({ cold, expectObservable }) => {
        expectObservable(of(cold('a'))).toBe('(x|)', { x: cold('b') });
      },
      [
        '  expected  (a|)',
        '  actual    (b|)',
        '',
        '  a  [{ frame: 0, notification: { kind: "N", value: "b", error: undefined } }]',
        '  b  [{ frame: 0, notification: { kind: "N", value: "a", error: undefined } }]',
      ],
    ],
  ];
  for (const [what, test, message] of tables) {
    it(`shows ${what}`, () => {
      expect(failureOf(test).message.split('\n')).to.deep.equal([title, '', ...message]);
    });
  }

  describe('on subscriptions', () => {
    const differing: [what: string, test: (helpers: RunHelpers) => void, lines: string[]][] = [
      [
        'one that ended too soon',
        ({ cold, expectObservable, expectSubscriptions }) => {
          const source = cold('2s a|');
          expectObservable(source, '^ 999ms !').toBe('');
          expectSubscriptions(source.subscriptions).toBe('^ 2s !');
        },
        ['  expected  ^ 2s         !', '  actual    ^ 999ms !'],
      ],
      [
        'one that there was not',
        ({ cold, expectSubscriptions }) => {
          expectSubscriptions(cold('a|').subscriptions).toBe('--^!');
        },
        ['  expected  --^!', '  actual    none'],
      ],
      [
        'one that was not to be, and has not ended',
        ({ cold, expectObservable, expectSubscriptions }) => {
          const source = cold('a');
          expectObservable(source, '---^').toBe('---a');
          expectSubscriptions(source.subscriptions).toBe([]);
        },
        ['  expected  none', '  actual    ---^'],
      ],
      [
        'several, one of them for no time at all',
        ({ cold, expectObservable, expectSubscriptions }) => {
          const source = cold('----a|');
          expectObservable(source).toBe('----a|');
          expectObservable(source, '--^--!').toBe('');
          expectSubscriptions(source.subscriptions).toBe(['(^!)', '^----!', '--^--!']);
        },
        ['  expected  (^!)', '            ^----!', '            --^--!', '  actual    ^----!', '            --^--!'],
      ],
    ];
    for (const [what, test, lines] of differing) {
      it(`shows ${what}`, () => {
        const { message } = failureOf(test);
        expect(message.split('\n')).to.deep.equal([
          'The subscriptions are not those that were expected.',
          '',
          ...lines,
        ]);
      });
    }
  });

  it('gives runners both lines, each with its own legend', () => {
    const failure = failureOf(({ cold, expectObservable }) => {
      expectObservable(cold('-p-q|', { p: 5, q: 6 })).toBe('-p-#', { p: 5 }, new Error('boom'));
    });
    expect(failure).to.include({
      name: 'MarbleError',
      expected: '-p-#\np  5\n#  Error: boom',
      actual: '-p-a|\np  5\na  6',
    });
    const { expected, actual } = failureOf(({ cold, expectSubscriptions }) => {
      expectSubscriptions(cold('a').subscriptions).toBe(['^!', '--^']);
    });
    expect([expected, actual]).to.deep.equal(['^!\n--^', '']);
  });
});
