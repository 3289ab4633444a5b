import { expect } from 'chai';
import { absoluteLinks, addressOf } from '../../scripts/repository.mjs';

describe('links of the package', () => {
  const manifest = { version: '1.2.3', repository: 'https://github.com/owner/name' };
  const blob = 'https://github.com/owner/name/blob/v1.2.3';

  const rewritten = [
    ['a link to a file', 'See [errors](docs/errors.md).', `See [errors](${blob}/docs/errors.md).`],
    ['an anchor in a file', '[a](./docs/errors.md#in-a-log)', `[a](${blob}/docs/errors.md#in-a-log)`],
    ['a link whose text is code', '[`lib/`](lib)', `[\`lib/\`](${blob}/lib)`],
    ['each link of a line', '[a](a.md) `b` [c](c.md)', `[a](${blob}/a.md) \`b\` [c](${blob}/c.md)`],
    ['a definition', '[a]\n\n[a]: a.md', `[a]\n\n[a]: ${blob}/a.md`],
    ['an image', '![scale](docs/scale.svg)', '![scale](https://github.com/owner/name/raw/v1.2.3/docs/scale.svg)'],
    ['an HTML image', '<img alt="" src="a.png">', '<img alt="" src="https://github.com/owner/name/raw/v1.2.3/a.png">'],
    ['a link after code', '```ts\na[0](b);\n```\n[c](c.md)', `\`\`\`ts\na[0](b);\n\`\`\`\n[c](${blob}/c.md)`],
  ] as const;
  for (const [title, markdown, expected] of rewritten) {
    it(`makes absolute: ${title}`, () => {
      expect(absoluteLinks(markdown, manifest)).to.equal(expected);
    });
  }

  const unchanged = [
    ['an anchor in the same file', '[a](#a)'],
    ['an absolute link', '[a](https://example.com/a.md) [b](mailto:a@example.com)'],
    ['a code block', '```ts\nlisteners[0](event);\n```'],
    ['a code span', '`services[0](ctx)` and ``a`[0](b)``'],
  ] as const;
  for (const [title, markdown] of unchanged) {
    it(`leaves as it is: ${title}`, () => {
      expect(absoluteLinks(markdown, manifest)).to.equal(markdown);
    });
  }

  it('leaves all links relative without a repository', () => {
    expect(absoluteLinks('[a](a.md)', { version: '1.2.3' })).to.equal('[a](a.md)');
  });

  it('reads each form of an https address', () => {
    for (const url of [
      'https://github.com/owner/name',
      'https://github.com/owner/name.git',
      `git+${manifest.repository}.git`,
    ]) {
      expect(addressOf({ ...manifest, repository: { url } }, 'a.md')).to.equal(`${blob}/a.md`);
    }
  });

  it('rejects an address that no browser opens', () => {
    for (const repository of [
      'github:owner/name',
      'git@github.com:owner/name.git',
      'git://github.com/owner/name.git',
    ]) {
      expect(() => addressOf({ ...manifest, repository }, 'a.md')).to.throw(
        TypeError,
        `package.json: repository: expected an https address, got ${repository}: write https://github.com/owner/name`,
      );
    }
  });
});
