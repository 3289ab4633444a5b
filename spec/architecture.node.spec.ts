import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

/** What lint refuses, and where: a rule whose pattern never matches is as green as one that is kept. */
const refused: Readonly<Record<string, readonly string[]>> = {
  'lib/context.ts': [`import './errors/forkfast-error.ts';`, `new AbortController();`],
  'lib/errors/http-error.ts': [`import '../service.ts';`, `export default 1;`],
  'lib/events.ts': [`import './options.ts';`, `queueMicrotask(run);`],
  'lib/from-abortable.ts': [`import './fetch.ts';`, `AbortSignal.timeout(1);`, `AbortSignal.any([]);`],
  'lib/fetch.ts': [
    `import './logging.ts';`,
    `import 'node:http';`,
    `import '@opentelemetry/api';`,
    `new AbortController();`,
    `new Date();`,
  ],
  'lib/options.ts': [`import './platform/default-logger.node.ts';`, `import 'winston';`, `console.log();`],
  'lib/member.ts': [`import './run.ts';`, `setTimeout(run);`, `globalThis.setTimeout(run);`],
  'lib/run.ts': [`import './aggregate.ts';`, `import { forkJoin } from 'rxjs';`, `Date.now();`, `performance.now();`],
  'lib/aggregate.ts': [`import './user-aggregator.ts';`, `export { url } from './index.ts';`, `fetch('/');`],
  'lib/user-aggregator.ts': [`import type { Out } from './index.ts';`, `globalThis.fetch('/');`],
  'lib/index.ts': [
    `export * from './run.ts';`,
    `await import('./run.ts');`,
    `process.exit();`,
    `import './undici.ts';`,
    `export { marbles } from './testing/marbles.ts';`,
    `export { waterfall } from './report.ts';`,
    `import './timeline.ts';`,
    `export { withTracing } from './opentelemetry/index.ts';`,
  ],
  'lib/server-timing.ts': [`import './waterfall.ts';`, `import 'string-width';`],
  'lib/timeline.ts': [`import './index.ts';`, `import './run.ts';`],
  'lib/waterfall.ts': [`import './server-timing.ts';`, `process.stdout;`],
  'lib/operators/hedge.ts': [`import './bulkhead.ts';`, `import '../aggregate.ts';`, `Buffer.from('');`],
  'lib/opentelemetry/tracing.ts': [
    `import './metrics.ts';`,
    `import '../run.ts';`,
    `import '@opentelemetry/sdk-trace-base';`,
  ],
  'lib/opentelemetry/metrics.ts': [`import './index.ts';`, `performance.now();`],
  'lib/testing/marbles.ts': [`import 'chai';`, `import '../index.ts';`, `import './fake-fetch.ts';`, `fetch('/');`],
  'lib/testing/index.ts': [`export { aggregate } from '../index.ts';`, `export * from './marbles.ts';`],
  'lib/platform/default-logger.node.ts': [`import '../options.ts';`],
  'lib/platform/default-logger.console.ts': [`import 'winston';`],
  'lib/platform/fan-out.node.ts': [`import 'winston';`, `import '../scope.ts';`],
  'lib/platform/fan-out.web.ts': [`import 'node:events';`],
  'lib/undici.ts': [`import './index.ts';`, `import 'node:http';`, `fetch('/');`],
  'lib/undici/exchange.ts': [`import '../undici.ts';`, `import 'node:http';`, `setTimeout(run);`],
  'lib/brand-new.ts': [`import './context.ts';`],
  'spec/run.spec.ts': [
    `describe.only('', run);`,
    `it.skip('', run);`,
    `xit('', run);`,
    `it('', function () { this.retries(2); });`,
    `setTimeout(run, 20);`,
    `import { setTimeout } from 'node:timers/promises';`,
  ],
  'example/dashboard/main.ts': [`import '../../lib/index.ts';`],
};

const welcome: Readonly<Record<string, string>> = {
  'lib/fetch.ts': `import './from-abortable.ts'; globalThis.fetch('/');`,
  'lib/run.ts': `import './member.ts'; import 'rxjs'; new AbortController();`,
  'lib/aggregate.ts': `import './run.ts'; import { forkJoin } from 'rxjs';`,
  'lib/waterfall.ts': `import './timeline.ts'; import 'string-width';`,
  'lib/operators/hedge.ts': `import '../context.ts'; import 'rxjs';`,
  'lib/undici.ts': `import './undici/exchange.ts'; import 'undici';`,
  'lib/undici/exchange.ts': `import '../abort.ts'; import './body.ts'; import 'undici'; import 'node:stream';`,
  'lib/opentelemetry/propagate-trace.ts': `import './tracing.ts'; import '../scope.ts'; import '@opentelemetry/api';`,
  'lib/testing/marbles.ts': `import '../service.ts'; import './marble-diff.ts'; import 'rxjs/testing';`,
  'lib/testing/index.ts': `export { marbles } from './marbles.ts';`,
  'lib/platform/default-logger.node.ts': `import '../logging.ts'; import 'winston'; process.exit();`,
};

describe('the house', function () {
  this.timeout(30_000);
  const eslint = new ESLint({
    overrideConfig: [tseslint.configs.disableTypeChecked],
    ruleFilter: ({ ruleId }) => /^no-(restricted-|console)/.test(ruleId),
  });
  const lint = async (filePath: string, code: string): Promise<readonly string[]> =>
    (await eslint.lintText(code, { filePath })).flatMap(({ messages }) => messages.map(({ message }) => message));

  for (const [file, codes] of Object.entries(refused)) {
    it(`refuses in ${file} what belongs elsewhere`, async () => {
      for (const code of codes) expect(await lint(file, code), code).to.have.length.above(0);
    });
  }

  for (const [file, code] of Object.entries(welcome)) {
    it(`lets ${file} say what is at home there`, async () => {
      expect(await lint(file, code)).to.deep.equal([]);
    });
  }
});

describe('package-lock.json', () => {
  it('names no registry: it installs from the one that is configured', () => {
    expect(readFileSync('package-lock.json', 'utf8')).not.to.contain('"resolved"');
  });
});
