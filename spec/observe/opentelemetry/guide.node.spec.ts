import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';

/** Runs the examples of docs/opentelemetry.md in a process of their own: they register globals, and print. */
const page = readFileSync('docs/opentelemetry.md', 'utf8');
const [setUp = '', program = '', measured = ''] = [...page.matchAll(/^```ts opentelemetry\n(.*?)^```$/gms)].map(
  ([, code]) => code,
);

async function outputOf(code: string): Promise<string> {
  mkdirSync('reports', { recursive: true });
  const folder = mkdtempSync(resolve('reports/opentelemetry-'));
  try {
    writeFileSync(join(folder, 'example.ts'), code);
    writeFileSync(join(folder, 'start.cjs'), `require('./example.ts');`); // Node 20 cannot start a TypeScript file
    const args = ['--conditions=forkfast:source', '--require=ts-node/register', join(folder, 'start.cjs')];
    const env = { ...process.env, NODE_V8_COVERAGE: '', NO_COLOR: '1', TS_NODE_TRANSPILE_ONLY: 'true' };
    return await new Promise((done, fail) => {
      execFile(process.execPath, args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
        if (error) fail(new Error(stderr, { cause: error }));
        else done(stdout);
      });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the guide to OpenTelemetry', function () {
  this.timeout(120_000);

  it('sends the span of the service upstream', async () => {
    const output = await outputOf(setUp + program);
    const [, traceId, spanId] = /received 00-(\w{32})-(\w{16})-01\n/.exec(output) ?? [];
    expect(output).to.contain("{ profile: { name: 'Alice' } }");
    const [service, run] = output.split(/^\{$/m).slice(1);
    expect(service)
      .to.contain("name: 'dashboard profile'")
      .and.contain(`id: '${String(spanId)}'`);
    expect(run)
      .to.contain("name: 'dashboard'")
      .and.contain(`traceId: '${String(traceId)}'`);
  });

  it('sends nothing without a propagator', async () => {
    const without = setUp.replace(/^propagation\..*$/m, '');
    expect(without).not.to.equal(setUp);
    expect(await outputOf(without + program)).to.contain('the upstream received undefined');
  });

  it('prints the metrics', async () => {
    const output = await outputOf(measured);
    for (const name of ['run.duration', 'active_runs', 'service.duration', 'active_services']) {
      expect(output).to.contain(`name: 'forkfast.${name}'`);
    }
  });
});
