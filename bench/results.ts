import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { goVersion } from './contenders/go.ts';

const root = new URL('..', import.meta.url);

const machine = {
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  node: process.version,
};

/** Writes the figures as JSON, with the command, the machine and the versions. */
export function keep(name: string, figures: unknown, command: string, written: boolean): void {
  const folder = new URL(written ? 'bench/results/' : 'reports/bench/', root);
  const result = {
    command,
    date: new Date().toISOString(),
    ...machine,
    versions: versions(),
    figures,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(result, null, 2)}\n`);
}

/** Writes a table and its source between its markers on a page of the documentation. */
export function show(page: string, name: string, table: string, command: string): void {
  const { cpu, cores, node } = machine;
  const date = new Date().toISOString().slice(0, 10);
  const source = `\`${command}\`: ${cpu}, ${String(cores)} cores, Node ${node.slice(1)}, ${date}.`;
  replaceBlock(page, name, `${table}\n\n${source}`);
}

/** Replaces the text between the markers of `name` on a page of the documentation. */
export function replaceBlock(page: string, name: string, text: string): void {
  const file = new URL(page, root);
  const old = readFileSync(file, 'utf8');
  const block = new RegExp(`(?<=<!-- bench:${name} -->\n).*?(?=<!-- /bench:${name} -->)`, 's');
  if (!block.test(old)) throw new Error(`${page}: expected the markers of ${name}`);
  writeFileSync(
    file,
    old.replace(block, () => `\n${text}\n\n`),
  );
}

export function draw(name: string, drawing: string): void {
  writeFileSync(new URL(`docs/${name}.svg`, root), drawing);
}

/** Returns the versions of the contenders and of the peers. */
function versions(): Record<string, string> {
  const installed = (lock: string, names: readonly string[]): [string, string][] => {
    const { packages } = JSON.parse(readFileSync(new URL(lock, root), 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly version: string }>>;
    };
    return names.map((name) => [name, packages[`node_modules/${name}`]?.version ?? 'unknown']);
  };
  return {
    ...Object.fromEntries(installed('bench/package-lock.json', ['effect', 'p-map', 'cockatiel', 'ky'])),
    ...Object.fromEntries(installed('package-lock.json', ['rxjs', 'undici'])),
    'fetch (undici of Node)': process.versions['undici'] ?? 'unknown',
    go: goVersion() ?? 'not installed',
  };
}
