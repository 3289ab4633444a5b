// The runner of mutants has no timeouts of mocha's, and waits long itself: a mutant that hangs is found out here.
exports.mochaHooks = {
  beforeEach() {
    this.currentTest.timeout(4_000);
  },
};
