import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';

/** The examples of docs/testing.md, each run by the runner that it is for, as a process of its own. */
const page = readFileSync('docs/testing.md', 'utf8');
const blockOf = (fence: string): string => page.split(`\n\`\`\`${fence}\n`)[1]?.split('\n```\n')[0] ?? '';

const source = ['--conditions=forkfast:source', '--require=ts-node/register'];
const vitestConfig = `export default {
  cacheDir: './cache',
  test: { include: ['*.ts'] },
  ssr: { resolve: { conditions: ['forkfast:source', 'node', 'import', 'module', 'default'] } },
};`;

/** What each runner is called with, beside the test. */
const runners: Readonly<Record<string, (folder: string) => readonly string[]>> = {
  mocha: (folder) => [
    ...source,
    require.resolve('mocha/bin/mocha.js'),
    '--no-config',
    '--no-package',
    join(folder, 'example.ts'),
  ],
  vitest: (folder) => {
    writeFileSync(join(folder, 'vitest.config.mjs'), vitestConfig);
    return [
      join(require.resolve('vitest/package.json'), '../vitest.mjs'),
      'run',
      '--root',
      folder,
      '--pool=threads',
      '--testTimeout=30000',
    ];
  },
  'node:test': (folder) => {
    // Node 20 starts no program that is TypeScript.
    writeFileSync(join(folder, 'start.cjs'), `require('./example.ts');`);
    return [...source, '--test', join(folder, 'start.cjs')];
  },
};

describe('The example for', function () {
  this.timeout(120_000);

  /** Inside of the checkout, so that 'forkfast' is found as the package's own name. */
  let folder = '';
  beforeEach(() => {
    mkdirSync('reports', { recursive: true });
    folder = mkdtempSync(resolve('reports/runner-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const run = (runner: string, code: string): Promise<{ failed: boolean; output: string }> => {
    writeFileSync(join(folder, 'example.ts'), code);
    const args = runners[runner]!(folder);
    const { FORCE_COLOR, ...inherited } = process.env;
    // Said to be empty, since Node hands it on where it is not said: coverage of lib by another compiler is of other lines.
    const env = { ...inherited, NODE_V8_COVERAGE: '', NO_COLOR: '1', TS_NODE_TRANSPILE_ONLY: 'true' };
    return new Promise((done) => {
      execFile(process.execPath, args, { env, timeout: 100_000 }, (error, stdout, stderr) => {
        done({ failed: error !== null, output: stdout + stderr });
      });
    });
  };

  for (const runner of Object.keys(runners)) {
    const example = blockOf(`ts ${runner}`);

    it(`${runner} passes`, async () => {
      expect(example).to.contain('leaves nothing behind');
      const { failed, output } = await run(runner, example);
      expect(failed, output).to.equal(false);
      expect(output).to.match(/\b3 pass(?:ing|ed)\b|^# pass 3$/m);
    });

    it(`${runner} fails with the marbles of the page where it expects something else`, async () => {
      const broken = example.replace("'^ 999ms !'", "'^ 1s !'");
      expect(broken).not.to.equal(example);
      const { failed, output } = await run(runner, broken);
      expect(failed, output).to.equal(true);
      for (const line of blockOf('text').split('\n')) expect(output).to.contain(line);
      expect(output).to.contain('example.ts:');
    });
  }
});
