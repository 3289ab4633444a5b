import { expect } from 'chai';
import fc from 'fast-check';
import { observe } from './oracle/harness.ts';
import { predict } from './oracle/model.ts';
import { scenarios } from './oracle/scenario.ts';

const runs = Number(process.env['PROPERTY_RUNS'] ?? 20_000);

describe('the oracle', () => {
  it(`predicts everything that happens in ${String(runs)} random runs, in order`, () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const [actual, expected] = [observe(scenario), predict(scenario)];
        // A deep comparison of all logs takes longer than the runs: compare their texts first.
        if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual).to.deep.equal(expected);
      }),
      { numRuns: runs },
    );
  }).timeout(Math.max(300_000, 20 * runs));
});
