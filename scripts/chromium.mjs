// A Chromium that needs nothing but npm; `CHROMIUM=/path` takes another.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

/** A real headless Chromium. */
export async function launch() {
  const executablePath = process.env.CHROMIUM ?? (await unpack());
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath, args: [...args, ...quiet], timeout: 30_000 });
}

/** The Chromium inside the npm package @sparticuz/chromium, unpacked once for each checkout. */
async function unpack() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('Chromium comes with npm on Linux x64 only: set CHROMIUM to the path of one.');
  }
  const home = fileURLToPath(new URL('../node_modules/.cache/chromium', import.meta.url));
  const scratch = `${home}.${process.pid}`;
  const temporary = process.env.TMPDIR;
  // Its AWS mode brings the NSS libraries along, so that a bare Debian machine can run it.
  process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs20.x';
  process.env.TMPDIR = home; // where it looks for them
  const { default: packed } = await import('@sparticuz/chromium');
  if (!existsSync(home)) {
    // Aside, and then moved: a run that is stopped half way leaves no half of a Chromium behind.
    process.env.TMPDIR = scratch;
    packed.setGraphicsMode = false;
    await mkdir(scratch, { recursive: true });
    await packed.executablePath();
    await rename(scratch, home).catch(() => rm(scratch, { recursive: true }));
  }
  if (temporary === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = temporary;
  // Its own looks for the fonts elsewhere. Where there are none, Chromium dies of the first word on a page.
  const fonts = '<dir prefix="relative">fonts</dir><dir>/usr/share/fonts</dir>';
  await writeFile(join(home, 'fonts/fonts.conf'), `<fontconfig>${fonts}</fontconfig>`);
  return join(home, 'chromium');
}
