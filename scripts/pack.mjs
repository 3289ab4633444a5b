// Packs the library: `npm run tarball` writes the tarball into reports/, or into the folder that is passed.
//
// The README of the package has absolute links, because npm shows it without the repository. npm reads the README from the folder
// that it packs, so this program packs a copy: the working tree never changes, even if packing fails.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { absoluteLinks } from './repository.mjs';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const isRelative = manifest.repository === undefined;
const noRepository = 'pack: package.json names no `repository`: links in README.md and CHANGELOG.md stay relative';

const [argument = 'reports'] = process.argv.slice(2);
switch (argument) {
  case '--notice': // before `npm pack`, which packs the files as they are
    console.error(isRelative ? noRepository : 'pack: links in README.md stay relative: run `npm run tarball` instead');
    break;
  case '--refuse': // before `npm publish` of this folder
    console.error('publish: run `npm run tarball`, and publish the tarball, whose README has absolute links');
    process.exitCode = 1;
    break;
  default:
    pack(resolve(argument));
}

function pack(destination) {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  const copy = mkdtempSync(join(tmpdir(), `${manifest.name}-`));
  try {
    for (const file of ['package.json', 'LICENSE', 'README.md', ...manifest.files]) {
      cpSync(file, join(copy, file), { recursive: true });
    }
    for (const file of ['README.md', 'CHANGELOG.md']) {
      writeFileSync(join(copy, file), absoluteLinks(readFileSync(file, 'utf8'), manifest));
    }
    mkdirSync(destination, { recursive: true });
    const flags = ['--silent', '--ignore-scripts', '--pack-destination', destination];
    const tarball = execFileSync('npm', ['pack', ...flags], { cwd: copy, encoding: 'utf8' }).trim();
    if (isRelative) console.error(noRepository);
    console.log(join(destination, tarball));
  } finally {
    rmSync(copy, { recursive: true });
  }
}
