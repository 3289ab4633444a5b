// Compares the API report of each entry point with the one in etc/. `npm run build && node scripts/api.mjs --local` writes the
// reports.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const { values: options } = parseArgs({ options: { local: { type: 'boolean', default: false } } });
const { exports: entries } = JSON.parse(readFileSync('package.json', 'utf8'));
const configObjectFullPath = resolve('api-extractor.json');
const shared = ExtractorConfig.loadFile(configObjectFullPath);

for (const [entry, { types }] of Object.entries(entries)) {
  if (types === undefined) continue;
  const name = entry === '.' ? 'index' : entry.slice('./'.length);
  const configObject = {
    ...shared,
    mainEntryPointFilePath: resolve(types),
    apiReport: { ...shared.apiReport, reportFileName: `${name}.api.md` },
  };
  const config = ExtractorConfig.prepare({
    configObject,
    configObjectFullPath,
    packageJsonFullPath: resolve('package.json'),
  });
  const { succeeded } = Extractor.invoke(config, { localBuild: options.local });
  if (!succeeded) process.exitCode = 1;
}
