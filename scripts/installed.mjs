// An empty folder with the packed library in it, installed as its consumers would.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Packs the checkout into `folder`: the path of the tarball. */
export async function pack(folder) {
  mkdirSync(folder, { recursive: true });
  const { stdout } = await run(['npm', 'pack', '--silent', `--pack-destination=${folder}`]);
  return join(folder, stdout.trim().split('\n').at(-1));
}

/** Installs the tarball and one rxjs, with the smoke test beside them. */
export async function install(tarball, folder, rxjs) {
  mkdirSync(folder, { recursive: true });
  const quiet = ['--silent', '--no-audit', '--no-fund', '--prefer-offline'];
  await run(['npm', 'install', ...quiet, tarball, `rxjs@${rxjs}`], { cwd: folder });
  cpSync('scripts/smoke.mjs', join(folder, 'smoke.mjs'));
  return folder;
}

/** What a program prints; an error, with what it printed, where it fails. */
export function run([command, ...args], options = {}) {
  return new Promise((done, fail) => {
    execFile(command, args, { maxBuffer: 2 ** 26, timeout: 900_000, ...options }, (error, stdout, stderr) => {
      if (error) fail(Object.assign(error, { stdout, stderr }));
      else done({ stdout, stderr });
    });
  });
}
