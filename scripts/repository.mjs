// The address of the repository. `repository` in package.json is the only place that has it, and may be absent.

/**
 * Returns the address of a file at the tag of this version, or `undefined` if package.json names no repository.
 *
 * @param {{ version: string; repository?: string | { url: string } }} manifest
 * @param {string} path from the root of the repository
 * @param {'blob' | 'raw'} view `blob` is a page, and `raw` the file itself, as an image needs it
 */
export function addressOf({ version, repository }, path, view = 'blob') {
  if (repository === undefined) return undefined;
  const url = typeof repository === 'string' ? repository : repository.url;
  const base = /^(?:git\+)?(https:\/\/.+?)(?:\.git)?\/?$/.exec(url)?.[1];
  if (base === undefined) {
    throw new TypeError(
      `package.json: repository: expected an https address, got ${url}: write https://github.com/owner/name`,
    );
  }
  return `${base}/${view}/v${version}/${path}`;
}

const code = String.raw`^(?<fence>\x60{3,}|~{3,})[^]*?^\k<fence>|(?<tick>\x60+)[^]*?[^\x60]\k<tick>(?!\x60)`;
const link = String.raw`(?<=\]\(|^\[[^\]]+\]: +|<[^>]*\s(?:href|src|srcset)=")(?<target>[^\s)"]+)`;
const codeOrLink = new RegExp(`${code}|${link}`, 'gm');

/**
 * Returns the Markdown of a file in the root of the repository with absolute links. Code does not change, and nothing changes if
 * package.json names no repository.
 *
 * @param {string} markdown
 * @param {{ version: string; repository?: string | { url: string } }} manifest
 */
export function absoluteLinks(markdown, manifest) {
  return markdown.replace(codeOrLink, (text, ...groups) => {
    const { target } = groups.at(-1);
    if (target === undefined || /^([a-z][a-z0-9+.-]*:|[#/])/i.test(target)) return text;
    const view = /\.(svg|png|jpe?g|gif|webp)$/.test(target) ? 'raw' : 'blob';
    return addressOf(manifest, target.replace(/^\.\//, ''), view) ?? text;
  });
}
