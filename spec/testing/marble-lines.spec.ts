import { expect } from 'chai';
import fc from 'fast-check';
import { TestScheduler } from 'rxjs/testing';
import { type Cell, draw, duration, misplaced } from '../../lib/testing/marble-lines.ts';

/** Lines that marbles can say: no cell in the room of the one before. */
const line = fc
  .array(fc.tuple(fc.oneof(fc.nat(12), fc.nat(3_000), fc.constant(60_000)), fc.constantFrom('a', 'b', '(ab)', '(abc)')))
  .map((parts) => {
    let end = 0;
    return parts.map(([gap, text]): Cell => {
      const frame = end + gap;
      end = frame + text.length;
      return { frame, text };
    });
  });

/** The frames that RxJS reads off a line. */
function read(marbles: string): unknown[] {
  return new TestScheduler(() => undefined).run(() =>
    TestScheduler.parseMarbles(marbles, undefined, undefined, false, true).map(({ frame, notification }) => [
      frame,
      'value' in notification ? (notification.value as unknown) : undefined,
    ]),
  );
}

describe('lines of marbles', () => {
  it('say to RxJS what they were drawn of', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 3 }), (lines) => {
        const drawn = draw(lines);
        lines.forEach((cells, index) => {
          const told = cells.flatMap(({ frame, text }) =>
            Array.from(text.replace(/\W/g, ''), (value) => [frame, value]),
          );
          expect(read(drawn[index]!), drawn[index]).to.deep.equal(told);
          expect(misplaced(cells)).to.deep.equal([]);
        });
      }),
    );
  });

  it('have one column for one frame', () => {
    /** Where each cell begins. */
    const columns = (drawn: string): number[] => [...drawn.matchAll(/[a-z]|\([a-z]+\)/g)].map(({ index }) => index);
    fc.assert(
      fc.property(line, line, (one, other) => {
        const [first = '', second = ''] = draw([one, other]).map((drawn) =>
          drawn.replace(/[\d.]+(?:ms|s|m) /g, (time) => ' '.repeat(time.length)),
        );
        const column = new Map(one.map(({ frame }, index) => [frame, columns(first)[index]]));
        other.forEach(({ frame }, index) => {
          if (column.has(frame)) expect(columns(second)[index]).to.equal(column.get(frame));
        });
      }),
    );
  });

  it('may begin before 0, as what comes before a subscription does', () => {
    expect(draw([[{ frame: -2, text: 'a' }], [{ frame: 1, text: 'b' }]])).to.deep.equal(['a', '---b']);
  });

  it('say milliseconds, seconds and minutes', () => {
    expect([999, 1_000, 1_500, 60_000, 90_000].map(duration)).to.deep.equal(['999ms', '1s', '1500ms', '1m', '90s']);
  });
});
