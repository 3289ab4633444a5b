import { expect } from 'chai';
import { defer, retry } from 'rxjs';
import {
  backoff,
  type Fetch,
  fetchJson,
  type FetchInit,
  fetchText,
  HttpError,
  isTransient,
  NetworkError,
} from '../../lib/index.ts';
import { fakeFetch } from '../../lib/testing/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { recordingFetch } from '../support/stub-fetch.ts';

describe('a request that cannot be sent', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/orders';
  const stream = (): ReadableStream => new Blob(['x']).stream();
  const put = (body: unknown): FetchInit => ({ method: 'PUT', body, duplex: 'half' }) as FetchInit;
  async function* generate(): AsyncGenerator<Uint8Array> {
    yield Promise.resolve(new Uint8Array(1));
  }
  const locked = stream();
  locked.getReader();
  const released = async (): Promise<ReadableStream> => {
    const body = stream();
    const reader = body.getReader();
    await reader.read();
    reader.releaseLock();
    return body;
  };
  const canceled = async (): Promise<ReadableStream> => {
    const body = stream();
    await body.cancel();
    return body;
  };

  const unread = 'fetch: body: expected an unread stream, got a read one: make a stream for each attempt, as in defer';
  const badMethod = 'fetch: method: expected a method that fetch can send, got another: use GET or POST, for example';
  const badPairs = 'fetch: headers: expected pairs of a name and a value, got another item: use a record';
  const badHeaders = 'fetch: headers: expected a record, pairs or a Headers, got';
  const badRedirect =
    "fetch: redirect: expected 'error', 'follow' or 'manual', got another value: leave it out to refuse redirects";
  const long = 'x'.repeat(1e6);
  const odd = (init: object): FetchInit => init;
  const badHeader = (name: string): string =>
    `fetch: header ${name}: expected a header that fetch can send, got another: leave it out`;
  const cases: [title: string, init: () => FetchInit | Promise<FetchInit>, message: string][] = [
    ['a locked stream', () => put(locked), unread],
    ['a stream that has been read in part', async () => put(await released()), unread],
    ['a canceled stream', async () => put(await canceled()), unread],
    [
      'a stream without duplex',
      () => ({ method: 'PUT', body: stream() }),
      "fetch: duplex: expected 'half' for a stream, got undefined: add duplex: 'half'",
    ],
    [
      'an async iterable without duplex',
      () => ({ method: 'PUT', body: generate() as never }),
      "fetch: duplex: expected 'half' for a stream, got undefined: add duplex: 'half'",
    ],
    ['a body with GET', () => ({ body: 'x' }), 'fetch: body: expected none with GET, got one: use another method'],
    [
      'a body with head',
      () => ({ method: 'head', body: '' }),
      'fetch: body: expected none with HEAD, got one: use another method',
    ],
    ...['CONNECT', 'trace', 'Track', 'G ET', '', 'GET\r\nx: y', 'ü'].map((method): (typeof cases)[number] => [
      `the method ${JSON.stringify(method)}`,
      () => ({ method }),
      badMethod,
    ]),
    ...[null, 5, Symbol('secret')].map((method): (typeof cases)[number] => [
      `the method ${String(method)}`,
      () => odd({ method }),
      badMethod,
    ]),
    ...['', 'sometimes', 'FOLLOW', 5, true].map((redirect): (typeof cases)[number] => [
      `the redirect mode ${JSON.stringify(redirect)}`,
      () => odd({ redirect }),
      badRedirect,
    ]),
    ['a controller instead of a signal', () => odd({ signal: new AbortController() }), 'fetch: signal: expected an AbortSignal, got an instance of AbortController: pass controller.signal'], // prettier-ignore
    ['a number instead of headers', () => odd({ headers: 5 }), `${badHeaders} 5`],
    ['a symbol instead of headers', () => odd({ headers: Symbol('secret') }), `${badHeaders} a symbol`],
    ['a header without a value', () => odd({ headers: [['x-a']] }), badPairs],
    ['a header with two values', () => odd({ headers: [['x-a', '1', '2']] }), badPairs],
    ['text instead of a pair', () => odd({ headers: ['ab'] }), badPairs],
    ['null instead of a pair', () => odd({ headers: [null] }), badPairs],
    ['a symbol in a header', () => odd({ headers: { 'x-a': Symbol('secret') } }), 'fetch: header x-a: expected text, got a symbol'], // prettier-ignore
    [
      'a header with a long name and a line break',
      () => odd({ headers: { [long]: '\n' } }),
      `fetch: header ${'x'.repeat(200)}…: expected one line of Latin-1 text, got another character: encode the value`,
    ],
    [
      'a header whose long name has a space',
      () => odd({ headers: { [`${long} `]: '1' } }),
      `fetch: header name: expected an HTTP token, got "${'x'.repeat(200)}…": use letters, digits and hyphens`,
    ],
    ...[
      ['Expect', '100-continue'],
      ['keep-alive', '5'],
      ['Transfer-Encoding', 'chunked'],
      ['upgrade', 'websocket'],
      ['content-length', 'long'],
      ['content-length', '-1'],
    ].map(([name = '', value = '']): (typeof cases)[number] => [
      `the header ${name}: ${value}`,
      () => ({ headers: { [name]: value } }),
      badHeader(name.toLowerCase()),
    ]),
  ];
  for (const [title, init, message] of cases) {
    it(`errors with TypeError, and calls no transport, for ${title}`, async () => {
      const { fetch, requests } = recordingFetch();
      const error = await failureOf(fetchText({ fetch }, api, await init()), TypeError);
      expect(error.message).to.equal(message);
      expect(isTransient(error)).to.equal(false);
      expect(requests).to.deep.equal([]);
    });
  }

  describe('because its body has been sent', () => {
    /** Reads the body as a transport does, and responds with 503. */
    const failing = (): { fetch: Fetch; bodies: string[] } => {
      const bodies: string[] = [];
      const fetch: Fetch = async (_url, { body }) => {
        bodies.push(await new Response(body).text());
        return new Response('', { status: 503, headers: { 'retry-after': '0' } });
      };
      return { fetch, bodies };
    };
    const ways: Record<string, (fetch: Fetch, init: FetchInit) => ReturnType<typeof fetchJson>> = {
      'one Observable': (fetch, init) => fetchJson({ fetch }, api, init),
      'a new Observable for each attempt': (fetch, init) => defer(() => fetchJson({ fetch }, api, init)),
    };
    const bodies: Record<string, () => unknown> = {
      'a stream': stream,
      'an async iterable': generate,
    };
    for (const [way, request] of Object.entries(ways)) {
      for (const [what, body] of Object.entries(bodies)) {
        it(`is not retried by backoff, and keeps its first failure: ${what}, ${way}`, async () => {
          const { fetch, bodies: sent } = failing();
          const retried: unknown[] = [];
          const delay = backoff({ fetch }, { initialDelay: 0 });
          const source = request(fetch, put(body())).pipe(
            retry({
              count: 2,
              delay: (error, count) => {
                retried.push(error);
                return delay(error, count);
              },
            }),
          );
          expect(await failureOf(source, HttpError)).to.have.property('status', 503);
          expect(sent).to.have.length(1);
          expect(retried).to.have.length(1);
        });

        it(`ends with the first failure, and sends nothing, when a bare retry repeats it: ${what}, ${way}`, async () => {
          const { fetch, bodies: sent } = failing();
          const error = await failureOf(request(fetch, put(body())).pipe(retry(2)), HttpError);
          expect(error.status).to.equal(503);
          expect(sent).to.have.length(1);
        });
      }

      it(`is retried with a body that can be sent again: ${way}`, async () => {
        for (const body of ['x', new Blob(['x']), new TextEncoder().encode('x'), new URLSearchParams('x')]) {
          const { fetch, bodies: sent } = failing();
          const delay = backoff({ fetch }, { initialDelay: 0 });
          await failureOf(request(fetch, put(body)).pipe(retry({ count: 2, delay })), HttpError);
          expect(sent.map((text) => text.slice(0, 1))).to.deep.equal(['x', 'x', 'x']);
        }
      });
    }

    it('is retried with a stream that the failed request has not read', async () => {
      const bodies: string[] = [];
      const fetch: Fetch = async (_url, { body }) => {
        if (bodies.push('') === 1) throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
        return Response.json(await new Response(body).text());
      };
      const delay = backoff({ fetch }, { initialDelay: 0 });
      const answers: unknown[] = [];
      await new Promise<void>((complete) => {
        fetchJson({ fetch }, api, put(stream()))
          .pipe(retry({ count: 1, delay }))
          .subscribe({ next: (answer) => answers.push(answer), complete });
      });
      expect(answers).to.deep.equal(['x']);
    });

    it('keeps a NetworkError too', async () => {
      let requests = 0;
      const fetch: Fetch = async (_url, { body }) => {
        requests++;
        await new Response(body).text();
        throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
      };
      const delay = backoff({ fetch }, { initialDelay: 0 });
      const error = await failureOf(
        fetchJson({ fetch }, api, put(stream())).pipe(retry({ count: 2, delay })),
        NetworkError,
      );
      expect(error.kind).to.equal('broken');
      expect(isTransient(error)).to.equal(false);
      expect(requests).to.equal(1);
    });

    it('errors with TypeError while another request sends it', async () => {
      const fetch = fakeFetch({ '/orders': ({ body }) => new Response(body) });
      const request = fetchText({ fetch }, api, put(stream()));
      const first = new Promise((next) => request.subscribe({ next }));
      // A transport locks a stream only when it reads it.
      expect(await first).to.equal('x');
      expect((await failureOf(request, TypeError)).message).to.equal(unread);
    });
  });
});
