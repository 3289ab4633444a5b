import { expectRealmsAlike } from '../support/realms.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

describe('another realm, of an iframe', () => {
  expectNoUnhandledRejections();

  let frame: HTMLIFrameElement;
  before(() => {
    frame = document.createElement('iframe');
    document.body.append(frame);
  });
  after(() => {
    frame.remove();
  });
  expectRealmsAlike((code) => (frame.contentWindow as unknown as { eval: (code: string) => unknown }).eval(code));
});
