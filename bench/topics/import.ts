import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { shuffle } from 'd3-array';
import { digits, middle, table } from '../format.ts';
import { compare, type Effort, type Spread } from '../rounds.ts';

// The time of a whole process that imports a module and does nothing else, from its start to its end.

type Figures = readonly { readonly name: string; readonly ms: Spread; readonly ratio: Spread }[];

const NOTHING = 'nothing';
const BASE = 'rxjs';
const modules = [NOTHING, BASE, 'forkfast', 'forkfast/server', 'forkfast/undici', 'forkfast/winston'];
const folder = fileURLToPath(new URL('..', import.meta.url));

export function measure({ rounds }: Effort): Promise<Figures> {
  const times = new Map(modules.map((name) => [name, [] as number[]]));
  // The first round does not count, because it fills the caches of the file system.
  for (let round = 0; round <= 4 * rounds; round++) {
    for (const name of shuffle([...modules])) {
      const ms = timeOf(name === NOTHING ? '' : `import '${name}';`);
      if (round > 0) times.get(name)?.push(ms);
    }
  }
  return Promise.resolve(compare(times, BASE).map(({ name, value, ratio }) => ({ name, ms: value, ratio })));
}

function timeOf(program: string): number {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`expected a program that ends with 0: ${program}\n${stderr}`);
  return performance.now() - startedAt;
}

export function tables(figures: Figures): string {
  return table(
    ['a process that imports', 'ms', 'ratio'],
    figures.map(({ name, ms, ratio }) => [name, digits(ms.median), middle(ratio)]),
  );
}
