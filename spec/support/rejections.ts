import { expect } from 'chai';
import { firstValueFrom, timer } from 'rxjs';

/** For a `describe`: fails each spec that leaves a rejection that nobody handles, in Node and in a page. */
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
    // Rejections are reported between two tasks.
    for (let task = 0; task < 2; task++) await firstValueFrom(timer(0));
    expect(unhandled.splice(0)).to.deep.equal([]);
  });
  after(() => {
    if (page) page.removeEventListener('unhandledrejection', onEvent);
    else process.off('unhandledRejection', onRejection);
  });
}
