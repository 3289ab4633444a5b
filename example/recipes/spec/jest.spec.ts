import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { expect } from 'chai';

/** Runs the example for Jest as docs/testing.md describes. */
const page = readFileSync('../../docs/testing.md', 'utf8');
const example = page.split('\n```js jest\n')[1]?.split('\n```\n')[0] ?? '';

interface Outcome {
  readonly failed: boolean;
  readonly output: string;
}

/** Runs the code in a folder inside the workspace, so that it imports the installed forkfast. */
async function jest(code: string): Promise<Outcome> {
  const folder = mkdtempSync(resolve('jest-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'example.test.js'), code);
    const bin = createRequire(resolve('package.json')).resolve('jest/bin/jest');
    const env = { ...process.env, NODE_OPTIONS: '--experimental-vm-modules', NO_COLOR: '1' };
    return await new Promise((done) => {
      execFile(process.execPath, [bin, '--rootDir', folder], { env, timeout: 100_000 }, (error, stdout, stderr) => {
        done({ failed: error !== null, output: stdout + stderr });
      });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the example for Jest', function () {
  this.timeout(120_000);

  it('passes', async () => {
    expect(example).to.contain('leaves nothing behind');
    const { failed, output } = await jest(example);
    expect(failed, output).to.equal(false);
    expect(output).to.contain('3 passed');
  });

  it('fails with a marble diff if an expectation is wrong', async () => {
    const broken = example.replace("'^ 999ms !'", "'^ 1s !'");
    expect(broken).not.to.equal(example);
    const { failed, output } = await jest(broken);
    expect(failed, output).to.equal(true);
    expect(output).to.contain('expected  ^ 1s     !').and.contain('example.test.js:');
  });
});
