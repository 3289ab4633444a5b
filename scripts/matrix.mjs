// Runs the specs on each supported line of Node, and with the oldest and the newest rxjs. Runs the smoke test of the packed
// library there too, and on Bun and Deno. `npm run matrix -- node@22` runs only that line.
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { install, pack, run } from './installed.mjs';

const nodes = ['20', '22', '24', '26'];
const rxjsVersions = ['7.8.0', '7.8.2'];
// These packages contain the binaries. The packages `bun` and `deno` download them in an install script.
const others = {
  'linux-x64': {
    bun: { name: '@oven/bun-linux-x64', command: ['bin/bun', 'run'] },
    deno: { name: '@deno/linux-x64-glibc', command: ['deno', 'run', '-A'] },
  },
}[`${platform()}-${arch()}`];

const [wanted = ''] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'forkfast-matrix-'));
const rows = ['| runtime | rxjs | specs | packed library |', '| --- | --- | --- | --- |'];
try {
  const tarball = await pack(scratch);
  for (const rxjs of rxjsVersions) {
    const checkout = await checkoutWith(rxjs);
    const consumer = await install(tarball, join(scratch, `consumer-${rxjs}`), rxjs);
    for (const node of nodes.filter((node) => `node@${node}`.includes(wanted))) {
      const npx = ['npx', '-y', '-p', `node@${node}`, '--', 'node'];
      // The specs run with the oldest rxjs on the oldest Node only.
      const specs =
        rxjs === rxjsVersions.at(-1) || node === nodes[0] ? await outcome(() => passing(npx, checkout)) : '';
      const { stdout: version } = await run([...npx, '--version']);
      add(`Node ${version.trim()}`, rxjs, specs, await outcome(() => smoke(npx, consumer)));
    }
    for (const [runtime, { name, command }] of Object.entries(others ?? {})) {
      if (!runtime.includes(wanted)) continue;
      const { folder, version } = await unpacked(name);
      const [binary, ...args] = command;
      chmodSync(join(folder, binary), 0o755);
      add(`${runtime} ${version}`, rxjs, '', await outcome(() => smoke([join(folder, binary), ...args], consumer)));
    }
  }
} finally {
  rmSync(scratch, { recursive: true });
}
console.log(`\n${rows.join('\n')}`);

function add(...cells) {
  rows.push(`| ${cells.join(' | ')} |`);
  console.log(rows.at(-1));
}

async function outcome(test) {
  try {
    return await test();
  } catch ({ stdout, stderr, message }) {
    process.exitCode = 1;
    console.log(message, stdout, stderr);
    return 'FAILED';
  }
}

/** Runs the specs with fewer random runs than `npm test`, since only the platform differs. */
async function passing(node, cwd) {
  const env = { ...process.env, PROPERTY_RUNS: '200' };
  const { stdout } = await run([...node, 'node_modules/mocha/bin/mocha.js', '--reporter=dot', 'spec/**/*.spec.ts'], {
    cwd,
    env,
  });
  return /\d+ passing/.exec(stdout)[0];
}

async function smoke(command, cwd) {
  const { stdout } = await run([...command, 'smoke.mjs'], { cwd });
  return stdout.trim();
}

/** Copies the checkout, installs that version of rxjs in it, and links all other packages. */
async function checkoutWith(rxjs) {
  const folder = join(scratch, `checkout-${rxjs}`);
  const excluded = ['.git', '.stryker-tmp', 'coverage', 'dist', 'node_modules', 'reports'];
  cpSync('.', folder, { recursive: true, filter: (file) => !excluded.includes(basename(file)) });
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync('node_modules')) symlinkSync(resolve('node_modules', name), join(modules, name));
  rmSync(join(modules, 'rxjs'));
  cpSync((await unpacked(`rxjs@${rxjs}`)).folder, join(modules, 'rxjs'), { recursive: true });
  return folder;
}

async function unpacked(name) {
  const folder = join(scratch, name.replaceAll('/', '-'));
  mkdirSync(folder, { recursive: true });
  const { stdout } = await run(['npm', 'pack', '--json', name], { cwd: folder });
  const [{ filename, version }] = JSON.parse(stdout);
  await run(['tar', '-xf', filename, '--strip-components=1'], { cwd: folder });
  return { folder, version };
}
