import { expect } from 'chai';
import { NetworkError } from '../../../lib/index.ts';
import { waterfall } from '../../../lib/observe/report/index.ts';
import { event, lines } from '../../support/story.ts';

const drawn = (...names: readonly string[]): string =>
  waterfall(
    [
      event({}),
      ...names.map((service) => event({ service })),
      ...names.map((service) => event({ service, at: 4, type: 'succeeded' })),
      event({ at: 4, type: 'succeeded' }),
    ],
    { width: 4 },
  );

describe('waterfall aligns its bars beside names', () => {
  for (const [what, name, cells] of [
    ['ASCII', 'profile', 7],
    ['nothing', '', 0],
    ['an accent in one character', '\u00e9', 1],
    ['an accent in two characters', 'e\u0301', 1],
    ['many combining marks', 'e\u0301\u0302\u0303\u20dd', 1],
    ['Chinese', '注文', 4],
    ['fullwidth Latin', 'Ａ１', 4],
    ['halfwidth Katakana', 'ｶﾞ', 2],
    ['Katakana with a combining mark', 'カ\u3099', 2],
    ['a Hangul syllable', '각', 2],
    ['a Hangul syllable in three jamo', '\u1100\u1161\u11a8', 2],
    ['Devanagari with a spacing mark', 'का', 2],
    ['Thai with a mark above', 'กี่', 1],
    ['Hebrew with a point', 'שׁ', 1],
    ['an emoji', '👍', 2],
    ['an emoji with a skin tone', '👍🏽', 2],
    ['a text symbol with a skin tone', '✌🏽', 2],
    ['a text symbol', '❤', 1],
    ['a text symbol that a variation selector makes an emoji', '❤\ufe0f', 2],
    ['a text symbol that a variation selector keeps', '❤\ufe0e', 1],
    ['a keycap', '1\ufe0f\u20e3', 2],
    ['a flag', '🇩🇪', 2],
    ['a flag with tags', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 2],
    ['a joined family', '👨‍👩‍👧', 2],
    ['a joined flag', '🏳️‍🌈', 2],
    ['a joined flag without a variation selector', '🏳\u200d🌈', 2],
    ['a zero-width space and a joiner', 'a\u200bb\u200dc', 3],
    ['a soft hyphen', 'a\u00adb', 2],
  ] as const) {
    it(`of ${what}: ${JSON.stringify(name)} takes ${String(cells)} cells`, () => {
      const row = drawn(name, 'x'.repeat(10)).split('\n')[1];
      expect(row).to.equal(`  ${name}${' '.repeat(10 - cells)}  ████  4 ms  ok`);
    });
  }
});

describe('waterfall prints names and errors safely', () => {
  it('escapes characters that would end a line, forge one, or move the cursor', () => {
    const hostile = 'a\n  forged  ████  4 ms  ok\r\u001B[2J\u009B1A\u2028\u202Eko\uD800\t';
    expect(drawn(hostile)).to.equal(lines`
      run 4 ms  ok
        a\u{a}  forged  ████  4 ms  ok\u{d}\u{1b}[2J\u{9b}1A\u{2028}\u{202e}ko\u{d800}\u{9}  ████  4 ms  ok
    `);
    expect(waterfall([event({ name: 'a\nb' })])).to.equal(String.raw`a\u{a}b 0 ms  running`);
  });

  it('escapes them in an error too', () => {
    const error = new NetworkError({ reason: 'bad\u001B[31m\nanswer', method: 'GET', url: 'http://api.test/' });
    const events = [event({}), event({ service: 'a', type: 'failed', error })];
    expect(waterfall(events)).to.contain(String.raw`failed: bad\u{1b}[31m\u{a}answer`);
  });

  for (const [length, expected] of [
    [100, '👍'.repeat(100)],
    [101, `${'👍'.repeat(100)}…`],
    [300, `${'👍'.repeat(100)}…`],
  ] as const) {
    it(`truncates a name of ${String(length)} characters to 100 at most`, () => {
      expect(drawn('👍'.repeat(length))).to.contain(`  ${expected}  ████  `);
    });
  }
});
