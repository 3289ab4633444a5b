// Makes the mutation tests fast: each process compiles all specs again, and esbuild does that faster than ts-node.
const { transformSync } = require('esbuild');
const { readFileSync } = require('node:fs');
const { _extensions: extensions } = require('node:module');

extensions['.ts'] = (module, sourcefile) => {
  const options = { sourcefile, loader: 'ts', format: 'cjs', target: 'es2022', sourcemap: 'inline' };
  const supported = { 'dynamic-import': false };
  module._compile(transformSync(readFileSync(sourcefile, 'utf8'), { ...options, supported }).code, sourcefile);
};

exports.mochaHooks = {
  /** Stryker turns off the timeouts of mocha and waits long itself. This timeout detects a mutant that hangs. */
  beforeEach() {
    this.currentTest.timeout(8_000);
  },
};
