// Checks that each relative link of the built site leads to a file of the site, and to an anchor that the file has.
// `node scripts/site/check-links.mjs FOLDER`
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(process.argv[2] ?? 'reports/site');
const pages = new Map(
  readdirSync(root, { recursive: true })
    .filter((file) => file.endsWith('.html'))
    .map((file) => [join(root, file), attributesOf(readFileSync(join(root, file), 'utf8'))]),
);

let links = 0;
const dead = [];
for (const [page, { targets }] of pages) {
  for (const target of targets) {
    if (/^(https?|mailto|data):/.test(target)) continue;
    links++;
    const problem = problemOf(new URL(target, pathToFileURL(page)));
    if (problem) dead.push(`${relative(root, page)}: ${target}: ${problem}`);
  }
}
if (links === 0) dead.push(`${root}: expected pages with links, got none`);
for (const problem of dead) console.error(problem);
console.log(`site: ${links} links on ${pages.size} pages, ${dead.length} of them dead`);
if (dead.length > 0) process.exitCode = 1;

/** Returns the reason why a link is dead, or `undefined`. */
function problemOf(url) {
  const anchor = decodeURIComponent(url.hash.slice(1));
  const path = fileURLToPath(url.href.replace(/[?#].*$/, ''));
  if (relative(root, path).startsWith('..')) return 'it leads out of the site';
  if (!existsSync(path)) return 'no such file';
  const file = statSync(path).isDirectory() ? join(path, 'index.html') : path;
  if (anchor === '' || file.endsWith('.svg')) return undefined;
  return pages.get(file)?.ids.has(anchor) ? undefined : 'no such anchor';
}

/** The targets of the links and the ids in a page. TypeDoc escapes `<` and `>` in texts and quotes in values. */
function attributesOf(html) {
  const values = (name) => [...html.matchAll(new RegExp(`<[^>]*?\\s${name}="([^"]*)"`, 'g'))].map(([, value]) => value);
  const targets = [...values('href'), ...values('src')].filter((target) => target !== '');
  return { ids: new Set(values('id')), targets: targets.map((target) => target.replaceAll('&amp;', '&')) };
}
