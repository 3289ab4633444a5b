// What the runner of mutants needs to be quick: each of many mutants starts all specs anew, in a process of its own.
const { transformSync } = require('esbuild');
const { readFileSync } = require('node:fs');
const { _extensions: extensions } = require('node:module');

extensions['.ts'] = (module, sourcefile) => {
  const options = { sourcefile, loader: 'ts', format: 'cjs', target: 'es2022', sourcemap: 'inline' };
  const supported = { 'dynamic-import': false };
  module._compile(transformSync(readFileSync(sourcefile, 'utf8'), { ...options, supported }).code, sourcefile);
};

exports.mochaHooks = {
  /** It has no timeouts of mocha's, and waits long itself: a mutant that hangs is found out here. */
  beforeEach() {
    this.currentTest.timeout(4_000);
  },
};
