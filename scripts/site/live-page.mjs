// Writes the page of the example for a site without servers: the two services run in the page.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const example = 'example/dashboard';

/** Writes the folder `live` of the site. */
export async function writeLivePage(site) {
  const folder = join(site, 'live');
  const [html, css] = await Promise.all(['index.html', 'style.css'].map(read));
  await mkdir(folder, { recursive: true });
  await Promise.all([
    writeFile(join(folder, 'index.html'), forSite(html)),
    writeFile(join(folder, 'page.css'), css),
    build({
      entryPoints: [`${example}/live/main.ts`],
      outfile: join(folder, 'page.js'),
      bundle: true,
      minify: true,
      format: 'iife', // a module script needs a server, and the site can be opened from a folder
      target: 'es2022',
      conditions: ['forkfast:source'],
      logLevel: 'warning',
    }),
  ]);
}

function read(file) {
  return readFile(join(example, 'page', file), 'utf8');
}

function forSite(html) {
  return replacing(html, [
    [/ *<!-- backend -->.*?<!-- \/backend -->\n/s, ''],
    ['<script type="module" src="page.js">', `${theme}<script defer src="page.js">`],
    ['<title>forkfast: the dashboard</title>', '<title>Live | forkfast</title>'],
    ['<h1>forkfast</h1>', '<h1>forkfast, live</h1>'],
    ['</p>\n    </header>', `</p>\n${intro}    </header>`],
  ]);
}

/** The page follows the theme that the reader has chosen on the other pages. */
const theme = `<script>
      const theme = localStorage.getItem('tsd-theme');
      if (theme === 'light' || theme === 'dark') document.documentElement.style.colorScheme = theme;
    </script>
    `;

const intro = `      <p>
        This page runs the real library. The two services run in the page too, so nothing leaves your browser.
        <a href="../index.html">Back to the documentation</a>
      </p>
`;

/** Fails if the page has changed so that a replacement does nothing. */
function replacing(text, replacements) {
  return replacements.reduce((result, [from, to]) => {
    const replaced = result.replace(from, () => to);
    if (replaced === result) throw new Error(`the page of the example has no ${from}`);
    return replaced;
  }, text);
}
