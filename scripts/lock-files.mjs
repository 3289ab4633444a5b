// Fails where a lock file names a registry: it must install from the registry that is configured.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const files = execFileSync('git', ['ls-files', '*package-lock.json'], { encoding: 'utf8' }).trim().split('\n');
for (const file of files) {
  const [found] = /"resolved": "https?:.*"/.exec(readFileSync(file, 'utf8')) ?? [];
  if (found)
    throw new Error(`${file}: expected no registry, got ${found}: set omit-lockfile-registry-resolved in .npmrc`);
}
console.log(`${files.join(', ')}: no registry`);
