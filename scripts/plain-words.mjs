// An ESLint rule: comments are plain sentences. The words that it rejects hide who does what.

const firstWords = /^(?:who|whoever|whose|what|of)\b/i;
const anywhere =
  /\b(?:(?:is|are) told|(?<!there )(?:is|are) no(?! longer)|let be|lets? go|heed(?:s|ed)?|mend(?:s|ed)?)\b/i;

/** @type {import('eslint').Rule.RuleModule} */
export const plainWords = {
  meta: { type: 'suggestion', schema: [] },
  create: ({ report, sourceCode }) => ({
    Program() {
      for (const { text, loc } of paragraphs(sourceCode.getAllComments())) {
        for (const sentence of sentencesOf(text)) {
          const found = firstWords.exec(sentence) ?? anywhere.exec(sentence);
          if (found) report({ loc, message: `Say plainly who does what, without "${found[0]}": ${sentence}` });
        }
      }
    },
  }),
};

/** Comments of `//` on consecutive lines are one text. */
function paragraphs(comments) {
  const found = [];
  for (const { type, value, loc } of comments) {
    const last = found.at(-1);
    const text = type === 'Block' ? value.replace(/^ *\*/gm, '') : value;
    const goesOn = type === 'Line' && last?.type === 'Line' && last.loc.end.line + 1 === loc.start.line;
    if (goesOn && last.loc.start.column === loc.start.column) {
      last.text += `\n${text}`;
      last.loc = { start: last.loc.start, end: loc.end };
    } else found.push({ type, text, loc });
  }
  return found;
}

/** Without code, and without the tags that introduce a sentence. */
function sentencesOf(text) {
  return text
    .replace(/```.*?```/gs, '')
    .replace(/`[^`]*`/g, '`code`')
    .split(/(?<=[.?!])\s+|\n *\n|\n *(?=[-*@])/)
    .map((sentence) => sentence.trim().replace(/^[-*] |^@\w+ (?:\S+ - )?/, ''))
    .map((sentence) => sentence.replace(/\s+/g, ' '));
}
