import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';

/** Runs each example of docs/testing.md with its own runner, in a process of its own. */
const page = readFileSync('docs/testing.md', 'utf8');
const blockOf = (fence: string): string => page.split(`\n\`\`\`${fence}\n`)[1]?.split('\n```\n')[0] ?? '';

const source = ['--conditions=forkfast:source', '--require=ts-node/register'];
const vitestConfig = `export default {
  cacheDir: './cache',
  test: { include: ['*.ts'] },
  ssr: { resolve: { conditions: ['forkfast:source', 'node', 'import', 'module', 'default'] } },
};`;

/** Writes the files that a runner needs, and returns its arguments. */
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
    // Node 20 cannot start a TypeScript file.
    writeFileSync(join(folder, 'start.cjs'), `require('./example.ts');`);
    return [...source, '--test', join(folder, 'start.cjs')];
  },
};

interface Outcome {
  readonly failed: boolean;
  readonly output: string;
}

/** Runs code in a folder of the checkout, where 'forkfast' resolves to the package itself. */
async function run(runner: string, code: string): Promise<Outcome> {
  mkdirSync('reports', { recursive: true });
  const folder = mkdtempSync(resolve('reports/runner-'));
  try {
    writeFileSync(join(folder, 'example.ts'), code);
    const args = runners[runner]!(folder);
    const { FORCE_COLOR, ...inherited } = process.env;
    // Empty, because a child process inherits it, and coverage of lib by another compiler has other lines.
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

    it('fails with the marbles of the page if it expects another frame', async () => {
      expect(broken).not.to.equal(example);
      const [, { failed, output }] = await outcomes;
      expect(failed, output).to.equal(true);
      for (const line of blockOf('text').split('\n')) expect(output).to.contain(line);
      expect(output).to.contain('example.ts:');
    });
  });
}

describe('expectNoLeaks, with the fake timers of a runner', function () {
  this.timeout(120_000);

  it('rejects instead of waiting forever', async () => {
    const { failed, output } = await run(
      'vitest',
      `import { expect, it, vi } from 'vitest';
      import { expectNoLeaks } from 'forkfast/testing';
      import { of } from 'rxjs';

      const check = () => expectNoLeaks(() => of('Alice'), { fails: false });

      it('while they are faked, and no longer', async () => {
        vi.useFakeTimers();
        await expect(check()).rejects.toThrow('expectNoLeaks: expected real timers, got fake ones');
        vi.useRealTimers();
        await check();
      });`,
    );
    expect(failed, output).to.equal(false);
  });
});
