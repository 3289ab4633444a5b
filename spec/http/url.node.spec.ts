import { expect } from 'chai';
import { url } from '../../lib/index.ts';

describe('url, in a page or a worker', () => {
  const names = ['document', 'location'] as const;
  const define = (globals: Partial<Record<(typeof names)[number], object>>): void => {
    for (const [name, value] of Object.entries(globals)) {
      Object.defineProperty(globalThis, name, { value, configurable: true });
    }
  };
  afterEach(() => {
    for (const name of names) Reflect.deleteProperty(globalThis, name);
  });

  it("resolves a relative base against a worker's URL", () => {
    define({ location: { href: 'http://worker.test/scripts/worker.js' } });
    expect(url`${'/api'}/users/${42}`.href).to.equal('http://worker.test/api/users/42');
    expect(url`users/${42}`.href).to.equal('http://worker.test/scripts/users/42');
  });

  it("resolves a relative base against the document's base URI, even if the page has another URL", () => {
    define({ document: { baseURI: 'http://base.test/v1/' }, location: { href: 'http://page.test/' } });
    expect(url`users/${42}`.href).to.equal('http://base.test/v1/users/42');
  });

  it('rejects a relative URL as invalid, not as relative', () => {
    define({ location: { href: 'http://worker.test/' } });
    expect(() => url`//[/${42}`).to.throw(
      TypeError,
      'url: expected a valid URL, got "//[/42": check its host and port',
    );
  });
});
