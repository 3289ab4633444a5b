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

interface Outcome {
  readonly failed: boolean;
  readonly output: string;
}

/** In a folder inside of the checkout, so that 'forkfast' is found as the package's own name. */
async function run(runner: string, code: string): Promise<Outcome> {
  mkdirSync('reports', { recursive: true });
  const folder = mkdtempSync(resolve('reports/runner-'));
  try {
    writeFileSync(join(folder, 'example.ts'), code);
    const args = runners[runner]!(folder);
    const { FORCE_COLOR, ...inherited } = process.env;
    // Said to be empty, since Node hands it on where it is not said: coverage of lib by another compiler is of other lines.
    const env = { ...inherited, NODE_V8_COVERAGE: '', NO_COLOR: '1', TS_NODE_TRANSPILE_ONLY: 'true' };
    return await new Promise((done) => {
      execFile(process.execPath, args, { env, timeout: 100_000 }, (error, stdout, stderr) => {
        done({ failed: error !== null, output: stdout + stderr });
      });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const runner of Object.keys(runners)) {
  describe(`the example for ${runner}`, function () {
    this.timeout(120_000);
    const example = blockOf(`ts ${runner}`);
    const broken = example.replace("'^ 999ms !'", "'^ 1s !'");
    let outcomes: Promise<[Outcome, Outcome]>;
    before(() => {
      outcomes = Promise.all([run(runner, example), run(runner, broken)]);
    });

    it('passes', async () => {
      expect(example).to.contain('leaves nothing behind');
      const [{ failed, output }] = await outcomes;
      expect(failed, output).to.equal(false);
      expect(output).to.match(/\b3 pass(?:ing|ed)\b|\bpass 3$/m);
    });

    it('fails with the marbles of the page where it expects something else', async () => {
      expect(broken).not.to.equal(example);
      const [, { failed, output }] = await outcomes;
      expect(failed, output).to.equal(true);
      for (const line of blockOf('text').split('\n')) expect(output).to.contain(line);
      expect(output).to.contain('example.ts:');
    });
  });
}

describe('the timers that a runner fakes', function () {
  this.timeout(120_000);

  it('are refused by expectNoLeaks, which would wait for them forever', async () => {
    const { failed, output } = await run(
      'vitest',
      `import { expect, it, vi } from 'vitest';
      import { expectNoLeaks } from 'forkfast/testing';
      import { of } from 'rxjs';

      const ask = () => expectNoLeaks(() => of('Alice'), { fails: false });

      it('while they are faked, and no longer', async () => {
        vi.useFakeTimers();
        await expect(ask()).rejects.toThrow('expectNoLeaks: the timers are faked, and it needs real ones');
        vi.useRealTimers();
        await ask();
      });`,
    );
    expect(failed, output).to.equal(false);
  });
});
