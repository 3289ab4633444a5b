import { createDefaultLogger } from '#default-logger';
import { expect } from 'chai';
import { createDefaultLogger as createConsoleLogger } from '../lib/platform/default-logger.console.ts';

describe('the default logger', () => {
  it('is the console where there is no Node', () => {
    expect(createConsoleLogger()).to.equal(console);
  });

  it('is the console in a page only', () => {
    const inPage = typeof document !== 'undefined';
    expect(createDefaultLogger() === console).to.equal(inPage);
  });
});
