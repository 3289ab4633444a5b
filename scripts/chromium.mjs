// A Chromium from an npm package. `CHROMIUM=/path` uses another one.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

/** Starts a real headless Chromium. */
export async function launch() {
  const executablePath = process.env.CHROMIUM ?? (await unpack());
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath, args: [...args, ...quiet], timeout: 30_000 });
}

/** Unpacks the Chromium of the npm package @sparticuz/chromium, once for each checkout. */
async function unpack() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('Chromium: expected Linux x64: set CHROMIUM to the path of a Chromium');
  }
  const home = fileURLToPath(new URL('../node_modules/.cache/chromium', import.meta.url));
  const scratch = `${home}.${process.pid}`;
  const temporary = process.env.TMPDIR;
  // The AWS mode of the package includes the NSS libraries, which a bare Debian machine does not have.
  process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs20.x';
  process.env.TMPDIR = home; // the package looks for the libraries there
  const { default: packed } = await import('@sparticuz/chromium');
  if (!existsSync(home)) {
    // Unpacks elsewhere and then moves the folder, so that a process that is killed leaves no incomplete Chromium.
    process.env.TMPDIR = scratch;
    packed.setGraphicsMode = false;
    await mkdir(scratch, { recursive: true });
    await packed.executablePath();
    await rename(scratch, home).catch(() => rm(scratch, { recursive: true }));
  }
  if (temporary === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = temporary;
  // The fonts.conf of the package has another path. Chromium crashes on the first text if it finds no fonts.
  const fonts = '<dir prefix="relative">fonts</dir><dir>/usr/share/fonts</dir>';
  await writeFile(join(home, 'fonts/fonts.conf'), `<fontconfig>${fonts}</fontconfig>`);
  return join(home, 'chromium');
}
