// Checks before a release that everything is committed and that all files agree on the version, and then runs all gates.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const read = (file) => readFileSync(file, 'utf8');
const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();

const { name, version, license } = JSON.parse(read('package.json'));
const lock = JSON.parse(read('package-lock.json'));
const [, released = 'no version', date = ''] = /^## \[(.+?)\](?: - (.+))?$/m.exec(read('CHANGELOG.md')) ?? [];

assert.equal(git('status', '--porcelain'), '', 'the working tree is clean');
assert.equal(git('tag', '--list', `v${version}`), '', `v${version} is not released yet`);
assert.match(version, /^\d+\.\d+\.\d+$/);
assert.deepEqual([lock.version, lock.packages[''].version], [version, version], 'package-lock.json has the version');
assert.equal(released, version, 'the first heading of CHANGELOG.md is the version');
assert.match(date, /^\d{4}-\d\d-\d\d$/, `CHANGELOG.md has the date of ${version}`);
assert(Date.parse(date) <= Date.now(), `${date} is not in the future`);
assert.match(read('LICENSE'), new RegExp(`^${license} License`), 'LICENSE is the license of package.json');

execFileSync('bash', ['.ci/run'], { stdio: 'inherit' });
console.log(`release: ${name} ${version} of ${date}, from ${git('rev-parse', '--short', 'HEAD')}`);
