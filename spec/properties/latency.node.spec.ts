import { DDSketch } from '@datadog/sketches-js';
import { expect } from 'chai';
import fc from 'fast-check';
import { timer } from 'rxjs';
import { latency } from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';

describe('latency', () => {
  it('estimates the quantile that a DDSketch estimates, within the errors of both', () => {
    const relativeAccuracy = 0.001;
    const times = fc.array(fc.integer({ min: 1, max: 29_999 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(times, fc.constantFrom(0.5, 0.9, 0.95, 0.99), (answers, quantile) => {
        const sketch = new DDSketch({ relativeAccuracy });
        const learned = latency(quantile, { least: 1 });
        marbles(({ flush }) => {
          for (const ms of answers) {
            sketch.accept(ms);
            learned.measure(timer(ms)).subscribe();
          }
          flush();
          // A DDSketch takes the rank below the quantile: the next rank bounds the estimate from above.
          const rank = Math.ceil(answers.length * quantile - 1e-9) - 1;
          const expected = sketch.getValueAtQuantile(rank / Math.max(1, answers.length - 1));
          const estimate = learned.estimate() ?? NaN;
          expect(estimate).to.be.within(
            expected * (1 - 2 * relativeAccuracy),
            expected * (1 + 1 / 64 + 2 * relativeAccuracy),
          );
        });
      }),
    );
  });
});
