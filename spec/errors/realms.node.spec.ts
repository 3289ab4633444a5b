import vm from 'node:vm';
import { Response } from 'undici';
import { expectRealmsAlike } from '../support/realms.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

/** `URL` with another prototype: a realm of `node:vm` has no `URL` of its own. */
function ForeignUrl(text: string): URL {
  const prototype: unknown = Object.create(null, Object.getOwnPropertyDescriptors(URL.prototype));
  return Object.setPrototypeOf(new URL(text), prototype as object) as URL;
}

describe('another realm, of node:vm', () => {
  expectNoUnhandledRejections();

  const realm = vm.createContext({ URL: ForeignUrl, Response, AbortController });
  expectRealmsAlike((code) => vm.runInContext(code, realm));
});
