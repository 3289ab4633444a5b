// Fails on a cycle of imports in lib/. esbuild reads the imports as they are after compilation, so a cycle of types is allowed.
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const { metafile } = await build({
  entryPoints: Object.values(exports).flatMap((entry) => entry['forkfast:source'] ?? []),
  bundle: true,
  write: false,
  outdir: '.',
  metafile: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
});

const done = new Set();
for (const file of Object.keys(metafile.inputs)) visit(file, []);
console.log(`${done.size} files without a cycle of imports`);

function visit(file, importers) {
  if (importers.includes(file)) {
    throw new Error(`a cycle of imports: ${[...importers.slice(importers.indexOf(file)), file].join(' imports ')}`);
  }
  if (done.has(file)) return;
  for (const { path, external } of metafile.inputs[file].imports) {
    if (!external) visit(path, [...importers, file]);
  }
  done.add(file);
}
