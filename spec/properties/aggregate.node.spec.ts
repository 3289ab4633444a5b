import { expect } from 'chai';
import fc from 'fast-check';
import { observed } from './oracle/harness.ts';
import { expected } from './oracle/model.ts';
import { scenarios } from './oracle/scenario.ts';

describe('the oracle', () => {
  it('foresees all that is seen of a run, in order: 20,000 random runs', function () {
    this.timeout(300_000);
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const [actual, foreseen] = [observed(scenario), expected(scenario)];
        // Text first: a deep comparison of 20,000 stories takes longer than the stories.
        if (JSON.stringify(actual) !== JSON.stringify(foreseen)) expect(actual).to.deep.equal(foreseen);
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 20_000) },
    );
  });
});
