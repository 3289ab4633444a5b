import { expect } from 'chai';
import { nextTask } from './tasks.ts';

/** For a `describe`: fails each spec that leaves an unhandled rejection, on Node and in a page. */
export function expectNoUnhandledRejections(): void {
  const unhandled: unknown[] = [];
  const page = typeof document === 'undefined' ? undefined : globalThis;
  const onRejection = (reason: unknown): void => {
    unhandled.push(reason);
  };
  const onEvent = (event: PromiseRejectionEvent): void => {
    unhandled.push(event.reason);
  };

  before(() => {
    if (page) page.addEventListener('unhandledrejection', onEvent);
    else process.on('unhandledRejection', onRejection);
  });
  afterEach(async () => {
    // The platform reports rejections between two tasks.
    await nextTask();
    await nextTask();
    expect(unhandled.splice(0)).to.deep.equal([]);
  });
  after(() => {
    if (page) page.removeEventListener('unhandledrejection', onEvent);
    else process.off('unhandledRejection', onRejection);
  });
}
