// Installs the packed library in an empty folder, as users do.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Packs the checkout into `folder`, and returns the path of the tarball. */
export async function pack(folder) {
  const { stdout } = await run(['npm', 'run', '--silent', 'tarball', '--', folder]);
  return stdout.trim().split('\n').at(-1);
}

/** Installs the tarball and one version of rxjs, and copies the smoke test next to them. */
export async function install(tarball, folder, rxjs) {
  mkdirSync(folder, { recursive: true });
  const quiet = ['--silent', '--no-audit', '--no-fund', '--prefer-offline'];
  await run(['npm', 'install', ...quiet, tarball, `rxjs@${rxjs}`], { cwd: folder });
  cpSync('scripts/smoke.mjs', join(folder, 'smoke.mjs'));
  return folder;
}

/** Runs a program and returns its output. If the program fails, rejects with an error that has the output too. */
export function run([command, ...args], options = {}) {
  return new Promise((done, fail) => {
    execFile(command, args, { maxBuffer: 2 ** 26, timeout: 900_000, ...options }, (error, stdout, stderr) => {
      if (error) fail(Object.assign(error, { stdout, stderr }));
      else done({ stdout, stderr });
    });
  });
}
