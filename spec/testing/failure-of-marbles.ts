import { type RunHelpers } from 'rxjs/testing';
import { marbles } from '../../lib/testing/index.ts';

export interface MarbleFailure extends Error {
  readonly expected?: string;
  readonly actual?: string;
}

/** Returns what `marbles(test)` throws. */
export function failureOfMarbles(test: (helpers: RunHelpers) => void): MarbleFailure {
  try {
    marbles(test);
  } catch (error) {
    return error as MarbleFailure;
  }
  throw new Error('marbles did not throw');
}
