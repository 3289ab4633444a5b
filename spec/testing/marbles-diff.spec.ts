import { expect } from 'chai';
import fc from 'fast-check';
import { concat, merge, mergeMap, NEVER, type Observable, of, throwError, timer } from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { CanceledError, DeadlineExceededError, ServiceError } from '../../lib/index.ts';
import { failureOfMarbles, type MarbleFailure } from './failure-of-marbles.ts';

const late = new DeadlineExceededError({ pending: ['orders'], elapsed: 1_000 });

describe('the diff of marbles', () => {
  const tables: [what: string, test: (helpers: RunHelpers) => void, message: string[]][] = [
    [
      'a different value, by the letters of the test',
      ({ cold, expectObservable }) => {
        const seen = cold('--p-q|', { p: { orders: 4 }, q: 'same' });
        expectObservable(seen).toBe('--x-y|', { x: { orders: 5 }, y: 'same' });
      },
      ['  expected  --x-y|', '  actual    --a-y|', '', '  x  { orders: 5 }', '  a  { orders: 4 }'],
    ],
    [
      'letters that are their own values, without a legend',
      ({ cold, expectObservable }) => {
        expectObservable(cold('a-b|')).toBe('a--b|');
      },
      ['  expected  a--b|', '  actual    a-b|'],
    ],
    [
      'a free letter for a value whose own letter is taken',
      ({ cold, expectObservable }) => {
        expectObservable(cold('-a-b|')).toBe('-a|', { a: 'b' });
      },
      ['  expected  -a|', '  actual    -b-a|', '', '  a  "b"', '  b  "a"'],
    ],
    [
      'a late value, aligned over a long time',
      ({ cold, expectObservable }) => {
        expectObservable(cold('a 999ms b|')).toBe('a 989ms b|');
      },
      ['  expected  a 989ms b|', '  actual    a 999ms           b|'],
    ],
    [
      'groups, minutes, seconds and milliseconds',
      ({ cold, expectObservable }) => {
        expectObservable(cold('(ab) 1m c 1499ms d')).toBe('(ab) 2s c 1m #');
      },
      [
        '  expected  (ab) 2s c 1m               #',
        '  actual    (ab) 1m      c 1499ms d',
        '',
        '  #  "error", because toBe has no error argument',
      ],
    ],
    [
      'a different error, by the fields that are compared',
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
      'that toBe has no error argument',
      ({ expectObservable }) => {
        expectObservable(throwError(() => new TypeError('boom'))).toBe('#');
      },
      [
        '  expected  #',
        '  actual    #',
        '',
        '  # expected  "error", because toBe has no error argument',
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
      'a source that emits nothing',
      ({ expectObservable }) => {
        expectObservable(NEVER).toBe('---a|');
      },
      ['  expected  ---a|', '  actual    -'],
    ],
    [
      'a value where none was expected',
      ({ expectObservable }) => {
        expectObservable(of('a')).toBe('');
      },
      ['  expected  -', '  actual    (a|)'],
    ],
    [
      'notifications whose frames a group covers',
      ({ cold, expectObservable }) => {
        expectObservable(merge(of('a', 'b'), cold('-c--d|'))).toBe('(ab)c|');
      },
      [
        '  expected  (ab)c|',
        '  actual    (ab)cd|',
        '',
        '  c  at 1ms in actual, drawn later because the group before it is wider',
        '  d  at 4ms in actual, drawn later because the group before it is wider',
        '  |  at 5ms in actual, drawn later because the group before it is wider',
      ],
    ],
    [
      'half a millisecond, in lines that are not aligned',
      ({ expectObservable }) => {
        expectObservable(timer(0.5)).toBe('-(a|)', { a: 0 });
      },
      ['  expected  -(a|)', '  actual    0.5ms (a|)', '', '  a  0'],
    ],
    [
      'the notifications of the expected source',
      ({ cold, expectObservable }) => {
        expectObservable(cold('-a|')).toEqual(cold('--a|'));
      },
      ['  expected  --a|', '  actual    -a|'],
    ],
    [
      'a long value on several lines',
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
      'a different cause',
      ({ cold, expectObservable }) => {
        const canceled = (cause: string): CanceledError => new CanceledError({ cause });
        expectObservable(cold('#', undefined, canceled('left'))).toBe('#', undefined, canceled('shutdown'));
      },
      [
        '  expected  #',
        '  actual    #',
        '',
        '  # expected  CanceledError: context canceled { code: "ERR_CANCELED" }, caused by "shutdown"',
        '  # actual    CanceledError: context canceled { code: "ERR_CANCELED" }, caused by "left"',
      ],
    ],
    [
      'notifications before the subscription',
      ({ hot, expectObservable }) => {
        expectObservable(hot('--^b')).toBe('a-^');
      },
      ['  expected  a', '  actual    ---b'],
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
      expect(failureOfMarbles(test).message.split('\n')).to.deep.equal([
        'marbles: the notifications differ from the expected ones:',
        '',
        ...message,
      ]);
    });
  }

  describe('on subscriptions', () => {
    const differing: [what: string, test: (helpers: RunHelpers) => void, lines: string[]][] = [
      [
        'an early unsubscription',
        ({ cold, expectObservable, expectSubscriptions }) => {
          const source = cold('2s a|');
          expectObservable(source, '^ 999ms !').toBe('');
          expectSubscriptions(source.subscriptions).toBe('^ 2s !');
        },
        ['  expected  ^ 2s         !', '  actual    ^ 999ms !'],
      ],
      [
        'a missing subscription',
        ({ cold, expectSubscriptions }) => {
          expectSubscriptions(cold('a|').subscriptions).toBe('--^!');
        },
        ['  expected  --^!', '  actual    none'],
      ],
      [
        'an unexpected subscription that has not ended',
        ({ cold, expectObservable, expectSubscriptions }) => {
          const source = cold('a');
          expectObservable(source, '---^').toBe('---a');
          expectSubscriptions(source.subscriptions).toBe([]);
        },
        ['  expected  none', '  actual    ---^'],
      ],
      [
        'several subscriptions, of which one ends at once',
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
        const { message } = failureOfMarbles(test);
        expect(message.split('\n')).to.deep.equal([
          'marbles: the subscriptions differ from the expected ones:',
          '',
          ...lines,
        ]);
      });
    }
  });

  it('gives runners each line with its own legend', () => {
    const failure = failureOfMarbles(({ cold, expectObservable }) => {
      expectObservable(cold('-p-q|', { p: 5, q: 6 })).toBe('-p-#', { p: 5 }, new Error('boom'));
    });
    expect(failure).to.include({
      name: 'MarbleError',
      expected: '-p-#\np  5\n#  Error: boom',
      actual: '-p-a|\np  5\na  6',
    });
    const { expected, actual } = failureOfMarbles(({ cold, expectSubscriptions }) => {
      expectSubscriptions(cold('a').subscriptions).toBe(['^!', '--^']);
    });
    expect([expected, actual]).to.deep.equal(['^!\n--^', '']);
  });

  for (const [ms, text] of [
    [999, '999ms'],
    [1_000, '1s'],
    [1_500, '1500ms'],
    [60_000, '1m'],
    [90_000, '90s'],
  ] as const) {
    it(`shows ${String(ms)} ms as ${text}`, () => {
      const { actual } = failureOfMarbles(({ expectObservable }) => {
        expectObservable(timer(ms)).toBe('');
      });
      expect(actual).to.equal(`${text} (a|)\na  0`);
    });
  }

  it('is read by RxJS as the same notifications', () => {
    fc.assert(
      fc.property(line, line, (one, other) => {
        const failure = failureOfLines(one, other);
        expect(failure.message).not.to.contain('drawn later');
        for (const [drawn, cells] of [
          [failure.actual, one],
          [failure.expected, other],
        ] as const) {
          const marbles = drawn?.split('\n')[0] ?? '';
          const notifications = cells.flatMap(({ frame, letters }) => letters.map((letter) => [frame, letter]));
          expect(read(marbles), marbles).to.deep.equal(notifications);
        }
      }),
    );
  });

  it('has one column for each frame', () => {
    /** Where each cell begins, with a duration counted as its characters. */
    const columnsOf = (drawn = ''): number[] =>
      [...drawn.replace(/[\d.]+(?:ms|s|m) /g, (time) => ' '.repeat(time.length)).matchAll(/[a-z]|\([a-z#|]+\)/g)].map(
        ({ index }) => index,
      );
    fc.assert(
      fc.property(line, line, (one, other) => {
        const { message } = failureOfLines(one, other);
        const [, , expected, actual] = message.split('\n');
        const [columns, otherColumns] = [columnsOf(actual?.slice(12)), columnsOf(expected?.slice(12))];
        const column = new Map(one.map(({ frame }, index) => [frame, columns[index]]));
        other.forEach(({ frame }, index) => {
          if (column.has(frame)) expect(otherColumns[index], message).to.equal(column.get(frame));
        });
      }),
    );
  });
});

interface Cell {
  readonly frame: number;
  readonly letters: readonly string[];
}

/** Cells whose frames no group covers, so that marbles can express them. */
const line = fc
  .array(
    fc.tuple(
      fc.oneof(fc.nat(12), fc.nat(3_000), fc.constant(60_000)),
      fc.constantFrom(['a'], ['b'], ['a', 'b'], ['a', 'b', 'c']),
    ),
  )
  .map((parts) => {
    let end = 0;
    return parts.map(([gap, letters]): Cell => {
      const frame = end + gap;
      end = frame + (letters.length === 1 ? 1 : letters.length + 2);
      return { frame, letters };
    });
  });

/** Makes `marbles` draw two lines, which differ at their ends. */
function failureOfLines(actual: readonly Cell[], expected: readonly Cell[]): MarbleFailure {
  return failureOfMarbles(({ expectObservable }) => {
    const failing = throwError(() => 'end');
    expectObservable(sourceOf(actual)).toEqual(concat(sourceOf(expected), failing));
  });
}

function sourceOf(cells: readonly Cell[]): Observable<string> {
  return merge(...cells.map(({ frame, letters }) => timer(frame).pipe(mergeMap(() => of(...letters)))));
}

/** Returns the frames and letters that RxJS reads in a line. */
function read(marbles: string): unknown[] {
  return new TestScheduler(() => undefined)
    .run(() => TestScheduler.parseMarbles(marbles, undefined, undefined, false, true))
    .flatMap(({ frame, notification }) => (notification.kind === 'N' ? [[frame, notification.value as unknown]] : []));
}
