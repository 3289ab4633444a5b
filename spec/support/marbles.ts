import { expect } from 'chai';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';

/** Runs `test` on a scheduler of its own: one that is used twice shifts its frames. */
export function marbles(test: (helpers: RunHelpers) => void): void {
  new TestScheduler((actual, expected) => {
    expect(actual).to.deep.equal(expected);
  }).run(test);
}
