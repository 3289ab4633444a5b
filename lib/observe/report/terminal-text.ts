import { eastAsianWidth } from 'get-east-asian-width';

/** Escapes what would end the line, move the cursor or change the direction of the text, and truncates to 100 characters. */
export function printable(text: string): string {
  // Cut before it is escaped, too: a name may be of any length. 100 characters are at most 200 units.
  const escaped = text
    .slice(0, 202)
    .replace(
      /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
      (character) => `\\u{${Number(character.codePointAt(0)).toString(16)}}`,
    );
  return escaped.replace(/(.{100}).+/su, '$1…');
}

const segmenter = new Intl.Segmenter();
const emoji = /^(?:\p{Emoji_Presentation}|\p{Emoji}(?:\uFE0F|\p{Emoji_Modifier}|\u200D\p{Extended_Pictographic}))/u;
const hangul = /^\p{Script=Hangul}/u;
const invisible = /[\p{Cc}\p{Cf}\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]/gu;

/** The number of cells that `text` takes in a terminal. */
export function cellsOf(text: string): number {
  let cells = 0;
  for (const { segment } of segmenter.segment(text)) cells += cellsOfGrapheme(segment);
  return cells;
}

/** Terminals draw an emoji sequence, or the jamo of a Hangul syllable, as one glyph, and other characters side by side. */
function cellsOfGrapheme(grapheme: string): number {
  if (emoji.test(grapheme)) return 2;
  const widths = Array.from(grapheme.replace(invisible, ''), (character) =>
    eastAsianWidth(Number(character.codePointAt(0))),
  );
  return hangul.test(grapheme) ? (widths[0] ?? 0) : widths.reduce((sum, width) => sum + width, 0);
}
