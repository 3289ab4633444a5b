import { expect } from 'chai';
import { url, type UrlValue } from '../../lib/index.ts';

describe('url', () => {
  const api = 'http://api.test';
  const id = 42;

  const messageOf = (make: () => URL): string => {
    let result: URL;
    try {
      result = make();
    } catch (error) {
      expect(error).to.be.instanceOf(TypeError);
      return (error as TypeError).message;
    }
    return expect.fail(`expected an error, got ${result.href}`);
  };

  describe('the base', () => {
    const accepted: [string, () => URL, string][] = [
      ['a string', () => url`${api}/users/${id}`, 'http://api.test/users/42'],
      ['a string with a slash at its end', () => url`${'http://api.test/'}/users/${id}`, 'http://api.test/users/42'],
      ['a string with a path', () => url`${'http://api.test/v1'}/users/${id}`, 'http://api.test/v1/users/42'],
      [
        'a path with a slash at its end',
        () => url`${'http://api.test/v1/'}/users/${id}`,
        'http://api.test/v1/users/42',
      ],
      ['a URL', () => url`${new URL(api)}/users/${id}`, 'http://api.test/users/42'],
      ['a URL with a path', () => url`${new URL('http://api.test/v1/')}/users/${id}`, 'http://api.test/v1/users/42'],
      ['a URL, and no slash', () => url`${new URL(api)}users/${id}`, 'http://api.test/users/42'],
      ['a port', () => url`${'http://127.0.0.1:8080'}/users/${id}`, 'http://127.0.0.1:8080/users/42'],
      ['IPv6', () => url`${'http://[::1]:8080'}/users/${id}`, 'http://[::1]:8080/users/42'],
      ['the base alone', () => url`${'http://api.test/v1?a=b#c'}`, 'http://api.test/v1?a=b#c'],
      ['dots at its end', () => url`${'http://api.test/v1/..'}/users/${id}`, 'http://api.test/users/42'],
      ['dots at its end, and nothing more', () => url`${'http://api.test/v1/.'}`, 'http://api.test/v1/'],
      ['the base and a query', () => url`${api}?id=${id}`, 'http://api.test/?id=42'],
      ['the base and a value', () => url`${'http://api.test/users/'}${id}`, 'http://api.test/users/42'],
      ['a literal', () => url`http://api.test/users/${id}`, 'http://api.test/users/42'],
      ['a literal, and no value', () => url`http://api.test/users/42`, 'http://api.test/users/42'],
      ['a literal with a query', () => url`http://api.test/users?id=${id}`, 'http://api.test/users?id=42'],
    ];
    for (const [name, make, href] of accepted) {
      it(`accepts ${name}`, () => {
        expect(make()).to.be.instanceOf(URL).with.property('href', href);
      });
    }

    it('returns a new URL, and does not change a base that is a URL', () => {
      const base = new URL('http://api.test/v1/');
      expect(url`${base}/users`).not.to.equal(base);
      expect(url`${base}`).not.to.equal(base);
      expect(base.href).to.equal('http://api.test/v1/');
    });

    for (const [base, shown] of [
      ['http://api.test/?key=secret', '"http://api.test/"'],
      ['http://api.test/users#secret', '"http://api.test/users"'],
      ['http://api.test/users?', '"http://api.test/users"'],
      [new URL('http://alice:secret@api.test/?key=secret'), '"http://api.test/"'],
      ['http://api.test/?email=alice@example.org&key=secret', '"http://…"'],
      ['http://alice:sec?ret@api.test/?key=secret', '"http://…"'],
    ] as const) {
      const message = `url: base: expected a URL without a query and a fragment, got ${shown} with one: put it behind the path`;
      it(`rejects a query or a fragment that something follows: ${String(base)}`, () => {
        expect(messageOf(() => url`${base}/users/${id}`)).to.equal(message);
        expect(messageOf(() => url`${base}/users`)).to.equal(message);
        expect(messageOf(() => url`${base}${id}`)).to.equal(message);
        expect(messageOf(() => url`${base}?a=${id}`)).to.equal(message);
      });
    }

    for (const [base, shown] of [
      [42, '42'],
      [true, 'a boolean'],
      [undefined, 'undefined'],
      [null, 'null'],
      [{ href: api }, 'an instance of Object'],
      [Symbol('api'), 'a symbol'],
    ] as const) {
      it(`rejects ${shown}`, () => {
        expect(messageOf(() => url`${base as UrlValue}/users`)).to.equal(
          `url: base: expected a string or a URL, got ${shown}: pass an absolute URL`,
        );
      });
    }

    for (const [base, shown] of [
      ['http://[', '"http://[/users"'],
      ['http://api.test:port', '"http://api.test:port/users"'],
      ['http://alice:secret@[', '"http://[/users"'],
      ['http://alice:sec/ret@api.test', '"http://api.test/users"'],
      ['s3://[', '"s3://[/users"'],
    ] as const) {
      it(`rejects an invalid URL, and does not show its credentials: ${base}`, () => {
        expect(messageOf(() => url`${base}/users`)).to.equal(
          `url: expected a valid URL, got ${shown}: check its host and port`,
        );
        expect(messageOf(() => url`${base}/users/${id}?a=${'secret'}`)).not.to.include('secret');
      });
    }

    it('accepts any scheme, and no path', () => {
      expect(url`${'capacitor://localhost'}`.href).to.equal('capacitor://localhost');
      expect(url`${'capacitor://localhost'}?page=${1}`.href).to.equal('capacitor://localhost?page=1');
    });

    it('rejects a host with a port and without a scheme, which parses as a scheme', () => {
      expect(messageOf(() => url`${'localhost:3000'}/users/${id}`)).to.equal(
        'url: base: expected a URL with a scheme, got "localhost:3000": put http:// or https:// before it',
      );
    });

    it('accepts a relative base in a page, and rejects it where there is no page', () => {
      const relative: [() => URL, string][] = [
        [() => url`${'/api'}/users/${id}`, '/api/users/42'],
        [() => url`${'/'}/users/${id}`, '/users/42'],
        [() => url`${''}/users/${id}?a=${'b'}`, '/users/42?a=b'],
        [() => url`/users/${id}`, '/users/42'],
      ];
      for (const [make, path] of relative) {
        if (typeof document === 'undefined') {
          const [shown] = path.split('?');
          expect(messageOf(make)).to.equal(
            `url: expected an absolute URL, since there is no page, got ${JSON.stringify(shown)}: add the scheme and the host`,
          );
        } else {
          expect(make().href).to.equal(location.origin + path);
        }
      }
      expect(messageOf(() => url`${'/'}/${''}`)).to.equal(
        'url: path segment: expected text other than "", "." and "..", got ""',
      );
    });

    it('resolves an empty template to the page, and rejects it where there is no page', () => {
      if (typeof document === 'undefined') {
        expect(messageOf(() => url``)).to.equal(
          'url: expected an absolute URL, since there is no page, got "": add the scheme and the host',
        );
      } else {
        expect(url``.href).to.equal(new URL('', document.baseURI).href);
      }
    });
  });

  describe('a value in the path', () => {
    const encoded: [UrlValue, string][] = [
      ['alice', 'alice'],
      ['a b', 'a%20b'],
      ['a/b', 'a%2Fb'],
      ['a\\b', 'a%5Cb'],
      ['../admin', '..%2Fadmin'],
      ['a?b=c', 'a%3Fb%3Dc'],
      ['a#b', 'a%23b'],
      ['%2e%2e', '%252e%252e'],
      ['%', '%25'],
      ['@evil', '%40evil'],
      [':80', '%3A80'],
      ['a\r\nb\tc', 'a%0D%0Ab%09c'],
      ['é€😀', '%C3%A9%E2%82%AC%F0%9F%98%80'],
      ['...', '...'],
      ['.a', '.a'],
      [' ', '%20'],
      [0, '0'],
      [-1.5, '-1.5'],
      [10n ** 20n, '100000000000000000000'],
      [1e21, '1e%2B21'],
      [false, 'false'],
    ];
    for (const [value, segment] of encoded) {
      it(`is encoded as one segment: ${JSON.stringify(String(value))}`, () => {
        expect(url`${api}/users/${value}`.href).to.equal(`http://api.test/users/${segment}`);
        expect(url`${api}/users/${value}/orders`.href).to.equal(`http://api.test/users/${segment}/orders`);
        expect(url`http://api.test/users/${value}?a=b`.href).to.equal(`http://api.test/users/${segment}?a=b`);
      });
    }

    it('is a part of a segment when text is around it', () => {
      expect(url`${api}/users/u${id}.json`.href).to.equal('http://api.test/users/u42.json');
      expect(url`${api}/${'a/'}${'/b'}`.href).to.equal('http://api.test/a%2F%2Fb');
      expect(url`${api}/v${'.'}${'..'}`.href).to.equal('http://api.test/v...');
      expect(url`${api}/. ${'.'}`.href).to.equal('http://api.test/.%20.');
    });

    const invalid: [unknown, string][] = [
      [undefined, 'undefined'],
      [null, 'null'],
      [NaN, 'NaN'],
      [Infinity, 'Infinity'],
      [{ id: 42 }, 'an instance of Object'],
      [Object.create(null), 'an object'],
      [['a'], 'an instance of Array'],
      [new URL('http://api.test'), 'an instance of URL'],
      [Symbol('a'), 'a symbol'],
      [() => 42, 'a function'],
    ];
    for (const [value, shown] of invalid) {
      it(`is rejected if it is ${shown}, in the path and in the query`, () => {
        const message = `url: path segment: expected a string, a finite number, a bigint or a boolean, got ${shown}`;
        expect(messageOf(() => url`${api}/users/${value as UrlValue}`)).to.equal(message);
        expect(messageOf(() => url`${api}/users?id=${value as UrlValue}`)).to.equal(
          message.replace('path segment', 'query value'),
        );
        expect(messageOf(() => url`http://api.test/users/${value as UrlValue}`)).to.equal(message);
      });
    }

    const dots: [() => URL, string][] = [
      [() => url`${api}/users/${''}`, '""'],
      [() => url`${api}/users/${''}/orders`, '""'],
      [() => url`http://api.test/${''}`, '""'],
      [() => url`${api}/users/${'.'}`, '"."'],
      [() => url`${api}/users/${'..'}`, '".."'],
      [() => url`${api}/users/${'..'}/orders`, '".."'],
      [() => url`${api}/users/${'..'}?a=b`, '".."'],
      [() => url`${api}/users/${'..'}#a`, '".."'],
      [() => url`http://api.test/users/${'..'}`, '".."'],
      [() => url`${'http://api.test/users/'}${'..'}`, '".."'],
      [() => url`${new URL(api)}${'..'}`, '".."'],
      [() => url`${api}/users/.${'.'}`, '".."'],
      [() => url`${api}/users/${'.'}.`, '".."'],
      [() => url`${api}/users/${'.'}${'.'}`, '".."'],
      [() => url`${api}/users/%2e${'.'}`, '"%2e."'],
      [() => url`${api}/users/${'.'}%2E/orders`, '".%2E"'],
      [() => url`${api}/users/%2${'e'}`, '"%2e"'],
      [() => url`http://api.test/users/.${'.'}`, '".."'],
      [() => url`http://api.test/users/%2e${'.'}`, '"%2e."'],
      [() => url`${'http://api.test/users/.'}${'.'}`, '".."'],
      [() => url`${api}/../${id}`, '".."'],
      [() => url`${api}/users/${'..'}\n`, '".."'],
      [() => url`${api}/users/\n\t${'..'}`, '".."'],
      [() => url`${api}/users\\${'..'}`, '".."'],
      [() => url`${'http://api.test\\users\\'}${'..'}`, '".."'],
      [() => url`${'http://api.test/users/.\n'}${'.'}`, '".."'],
      [() => url`${api}/users/${'..'} \0`, '".."'],
    ];
    for (const [make, shown] of dots) {
      it(`is rejected as an empty or dot segment: ${shown} ${String(make).replace('() => ', '')}`, () => {
        expect(messageOf(make)).to.equal(`url: path segment: expected text other than "", "." and "..", got ${shown}`);
      });
    }

    for (const [value, shown] of [
      ['\ud800', '"\\ud800"'],
      ['a\udc00b?c', '"a\\udc00b?c"'],
      ['\udc00\ud800', '"\\udc00\\ud800"'],
    ] as const) {
      it(`is rejected with a lone surrogate: ${shown}`, () => {
        expect(messageOf(() => url`${api}/users/${value}`)).to.equal(
          `url: path segment: expected well-formed text, got a lone surrogate in ${shown}`,
        );
        expect(messageOf(() => url`${api}/users?q=${value}`)).to.equal(
          'url: query value: expected well-formed text, got a lone surrogate',
        );
      });
    }

    it('is quoted in an error up to 80 characters', () => {
      const message = messageOf(() => url`${api}/users/${'x'.repeat(1_000)}\ud800${'\ud800'.padStart(500, 'y')}`);
      expect(message).to.equal(
        `url: path segment: expected well-formed text, got a lone surrogate in "${'y'.repeat(80)}…"`,
      );
      const fits = messageOf(() => url`${api}/users/${'\ud800'.padStart(80, 'y')}`);
      expect(fits).to.equal(
        `url: path segment: expected well-formed text, got a lone surrogate in "${'y'.repeat(79)}\\ud800"`,
      );
    });
  });

  describe('a value in the query or the fragment', () => {
    const made: [() => URL, string][] = [
      [() => url`${api}/users?q=${'a&b=c d+e'}&page=${2}`, 'http://api.test/users?q=a%26b%3Dc%20d%2Be&page=2'],
      [() => url`${api}/users?q=${''}`, 'http://api.test/users?q='],
      [() => url`${api}/users?q=${'..'}`, 'http://api.test/users?q=..'],
      [() => url`${api}/users?q=${'.'}/${'..'}/x`, 'http://api.test/users?q=./../x'],
      [() => url`${api}/users?q=${'a#b'}`, 'http://api.test/users?q=a%23b'],
      [() => url`${api}/users?${'a=b'}=${'c'}`, 'http://api.test/users?a%3Db=c'],
      [() => url`${api}/users/${id}#${'..'}`, 'http://api.test/users/42#..'],
      [() => url`${api}/users#${''}`, 'http://api.test/users#'],
      [() => url`http://api.test/users?q=${''}`, 'http://api.test/users?q='],
      [() => url`http://api.test/users?q=${'..'}`, 'http://api.test/users?q=..'],
      [() => url`http://api.test/users?q=a/${'..'}`, 'http://api.test/users?q=a/..'],
    ];
    for (const [make, href] of made) {
      it(`is encoded as one value: ${String(make).replace('() => ', '')}`, () => {
        expect(make().href).to.equal(href);
      });
    }

    it('decodes to the value', () => {
      const q = 'a&b=c d+e%#?/\\é\u0000';
      expect(url`${api}/users?q=${q}`.searchParams.get('q')).to.equal(q);
    });
  });

  describe('the origin', () => {
    const changed: [() => URL, string, string][] = [
      [() => url`${'http://api'}.evil.test/`, '".evil.test/"', '"http://api"'],
      [() => url`${'http://api'}${'.evil.test'}/`, '".evil.test/"', '"http://api"'],
      [() => url`${'http://api'}${'@evil'}`, '"%40evil"', '"http://api"'],
      [() => url`${'http://api'}@evil.test/`, '"evil.test/"', '"http://api"'],
      [() => url`${'http://api'}@api/`, '"api/"', '"http://api"'],
      [() => url`${'http://api'}:secret@api/`, '"api/"', '"http://api"'],
      [() => url`${'http://api'}:${'8080'}/`, '":8080/"', '"http://api"'],
      [() => url`${'http://api:80'}${80}/`, '"80/"', '"http://api:80"'],
      [() => url`${'http://api'}:secret@evil.test/`, '"evil.test/"', '"http://api"'],
      [() => url`${'http://alice:secret@api'}.evil.test/`, '".evil.test/"', '"http://api"'],
      [() => url`${'http://api'}${'/users'}`, '"%2Fusers"', '"http://api"'],
      [() => url`${'http://api'}users/${id}`, '"users/42"', '"http://api"'],
      [() => url`http://${'evil'}/`, '"evil/"', '"http://"'],
      [() => url`http://${'evil'}.api.test/`, '"evil.api.test/"', '"http://"'],
      [() => url`http://api.test:${8080}/`, '"8080/"', '"http://api.test:"'],
      [() => url`http://alice:${'secret'}@api.test/`, '"api.test/"', '"http://alice:"'],
      [() => url`http://api.${'evil.test'}/`, '"evil.test/"', '"http://api."'],
      [() => url`${'http:'}//evil.test/`, '"//evil.test/"', '"http:"'],
      [() => url`${'http'}://evil.test/`, '"://evil.test/"', '"http"'],
      [() => url`${''}http://evil.test/`, '"http://evil.test/"', '""'],
      [() => url`${''}//evil.test/${id}`, '"//evil.test/42"', '""'],
    ];
    for (const [make, tail, base] of changed) {
      it(`cannot change: ${String(make).replace('() => ', '')}`, () => {
        const message = messageOf(make);
        const noPage = typeof document === 'undefined' && base === '""' && tail.startsWith('"//');
        expect(message).to.equal(
          noPage
            ? `url: expected an absolute URL, since there is no page, got ${tail}: add the scheme and the host`
            : `url: expected a path behind the base ${base}, got ${tail}, which changes the origin: put the whole origin into the base, and start the path with "/"`,
        );
      });
    }
  });
});
