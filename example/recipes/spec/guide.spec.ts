import { readFileSync } from 'node:fs';
import { expect } from 'chai';

/** The examples of docs/pages.md are parts of the recipes, which spec/pages runs. Only their imports may differ. */
const page = readFileSync('../../docs/pages.md', 'utf8');
const examples = [...page.matchAll(/^```(?:tsx|typescript)\n(.*?)^```$/gms)].map(([, code = '']) =>
  code.replace(/^(?:\/\/ .*\n|import .*\n|\n)*/, ''),
);
const recipes = ['fill-in.ts', 'use-service.ts', 'fill-in.react.tsx', 'fill-in.angular.ts'].map((name) =>
  readFileSync(`page/${name}`, 'utf8'),
);

describe('the guide to pages', () => {
  it('quotes the recipes', () => {
    expect(examples).to.have.length(4);
    examples.forEach((example, index) => {
      expect(recipes[index]).to.contain(example);
    });
  });
});
