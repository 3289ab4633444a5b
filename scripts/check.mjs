// All gates except the specs, one after the other. `npm run check -- lint size` runs only those.
// Every gate after `pack` reads what `pack` has built.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';

const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'));
const tarball = `reports/${name}-${version}.tgz`;

const gates = {
  format: 'prettier --check .',
  lint: 'eslint --max-warnings 0 --ignore-pattern example/recipes --ignore-pattern example/cluster .',
  imports: 'node scripts/import-cycles.mjs',
  lock: 'node scripts/lock-files.mjs',
  unused: 'knip',
  docs: 'npm run --silent docs',
  pack: 'npm run --silent tarball',
  installed: `node scripts/dist-test.mjs ${tarball}`,
  api: 'node scripts/api.mjs',
  size: 'size-limit',
  package: `publint --strict ${tarball} && attw ${tarball} --profile esm-only --quiet`,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((gate) => !Object.hasOwn(gates, gate));
if (unknown.length > 0) {
  throw new Error(`gates: expected ${Object.keys(gates).join(', ')}, got ${unknown.join(', ')}`);
}

mkdirSync('reports', { recursive: true });
const PATH = [resolve('node_modules/.bin'), process.env.PATH].join(delimiter);
for (const [gate, command] of Object.entries(gates)) {
  if (wanted.length > 0 && !wanted.includes(gate)) continue;
  console.log(`\n${gate}: ${command}`);
  const { status } = spawnSync(command, { shell: true, stdio: 'inherit', env: { ...process.env, PATH } });
  if (status !== 0) {
    console.log(`\n${gate} failed`);
    process.exit(1);
  }
}
