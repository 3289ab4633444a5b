import { expect } from 'chai';
import fc from 'fast-check';
import { undiciFetch } from '../../lib/http/undici/index.ts';
import { fakeFetch } from '../../lib/testing/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { closeServers, type Loopback, serve } from '../support/servers.ts';
import { outcomeOf } from '../support/transports.ts';

describe('transports beside the global fetch', function () {
  this.timeout(60_000);
  expectNoUnhandledRejections();

  const undici = undiciFetch();
  let server: Loopback;
  before(async () => {
    server = await serve((request, response) => {
      let body = '';
      request.setEncoding('latin1').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const { method, url, headers } = request;
        const boundary = /boundary=(.*)/.exec(headers['content-type'] ?? '')?.[1];
        const type = boundary === undefined ? headers['content-type'] : 'a form';
        const text = boundary === undefined ? body : body.replaceAll(boundary, '');
        response.end(JSON.stringify([method, url, type, headers['x-a'], text.replaceAll('\r\n', '').toLowerCase()]));
      });
    });
  });
  after(closeServers);
  after(() => undici.close());

  const text = fc.string({
    unit: fc.constantFrom(...Array.from('aZ09-._~!$&\'()*+,;=:@%/\\?#[]{}|^`"<> \t\n\0üß€😀\ud800')),
    maxLength: 12,
  });
  const path = fc.oneof(
    text,
    fc
      .array(fc.constantFrom('.', '..', '%2e', '%2E%2e', '%', '%f', '%ff', '%C3%BC', 'a', '', 'ü', 'a%2Fb'))
      .map((all) => all.join('/')),
  );
  const method = fc.oneof(
    fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'CONNECT', 'TRACE'),
    fc.constantFrom(
      'get',
      'Post',
      'pUT',
      'delete',
      'Patch',
      'options',
      'head',
      'connect',
      'track',
      '',
      'A B',
      'ü',
      'x',
    ),
  );
  const value = fc.oneof(
    fc.constantFrom(
      '',
      ' ',
      'a',
      ' a ',
      '\ta\t',
      'a b',
      '\xe4',
      '\xa0a',

      '€',
      'a\nb',
      'a\r\nb: c',
      '\n',
      'a\0',
    ),
    text,
  );
  const bodies: Record<string, () => BodyInit | null | undefined> = {
    none: () => undefined,
    null: () => null,
    empty: () => '',
    text: () => 'täxt',
    bytes: () => new Uint8Array([0, 128, 255]),
    'no bytes': () => new Uint8Array(),
    'a view': () => new DataView(new ArrayBuffer(4), 1, 2),
    buffer: () => new ArrayBuffer(3),
    blob: () => new Blob(['blob'], { type: 'Text/X' }),
    'an untyped blob': () => new Blob(['blob']),
    parameters: () => new URLSearchParams({ ü: 'a b&c' }),
    form: () => {
      const form = new FormData();
      form.set('ü"', 'a\nb');
      form.set('file', new Blob(['x'], { type: 'a/b' }), 'ü.txt');
      return form;
    },
    stream: () => new Blob(['stream']).stream(),
  };
  const request = fc.record({
    path,
    method,
    value,
    body: fc.constantFrom(...Object.keys(bodies)),
    duplex: fc.constantFrom('half', undefined),
  });
  const initOf = ({
    method: name,
    value: header,
    body,
    duplex,
  }: {
    method: string;
    value: string;
    body: string;
    duplex: 'half' | undefined;
  }) => ({ method: name, headers: [['X-A', header]], body: bodies[body]!(), ...(duplex && { duplex }) }) as RequestInit;

  it('undiciFetch sends what fetch sends, and rejects what fetch rejects', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (given) => {
        const url = new URL(`${server.url}/${given.path}`);
        const expected = await outcomeOf(globalThis.fetch(url, initOf(given)));
        expect(await outcomeOf(undici(url, initOf(given)))).to.deep.equal(expected);
      }),
      { numRuns: 400 },
    );
  });

  it('fakeFetch receives what a server receives, and rejects what fetch rejects', async () => {
    const fake = fakeFetch({ '/*': {} });
    await fc.assert(
      fc.asyncProperty(request, async (given) => {
        const url = `${server.url}/${given.path}`;
        const expected = await outcomeOf(globalThis.fetch(url, initOf(given)));
        const answered = await fake(url, initOf(given)).then(
          () => true,
          () => false,
        );
        expect(answered).to.equal(expected !== 'TypeError');
        if (!answered || expected[1] === '') return; // a response to HEAD has no body
        const call = fake.calls.at(-1)!;
        const type = call.headers.get('content-type')?.replace(/^multipart.*/, 'a form');
        const received = [call.method, call.url.pathname + call.url.search, type ?? null, call.headers.get('x-a')];
        expect(received).to.deep.equal((JSON.parse(expected[1]) as unknown[]).slice(0, 4));
      }),
      { numRuns: 400 },
    );
  });

  for (const [title, url] of [
    ['a relative URL', '/users'],
    ['credentials', 'http://a:b@127.0.0.1/'],
    ['a user', 'http://a@127.0.0.1/'],
    ['a blocked port', 'http://127.0.0.1:6000/'],
    ['an invalid port', 'http://127.0.0.1:99999/'],
    ['another scheme', 'ftp://127.0.0.1/'],
  ] as const) {
    it(`all reject ${title}`, async () => {
      const parsed = (): URL => new URL(url);
      expect(await outcomeOf(globalThis.fetch(url))).to.equal('TypeError');
      expect(await outcomeOf((async () => undici(parsed(), {}))())).to.equal('TypeError');
    });
  }
});
