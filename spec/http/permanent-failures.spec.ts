import { expect } from 'chai';
import { retry } from 'rxjs';
import {
  backoff,
  type Fetch,
  fetchJson,
  type FetchInit,
  isTransient,
  NetworkError,
  retryBudget,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

describe('the kind of a NetworkError', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/';
  const codes: [kind: string, ...codes: string[]][] = [
    [
      'connect',
      'ECONNREFUSED',
      'ENOTFOUND',
      'EAI_AGAIN',
      'EHOSTUNREACH',
      'ETIMEDOUT',
      'UND_ERR_CONNECT_TIMEOUT',
      'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
    ],
    [
      'broken',
      'ECONNRESET',
      'ECONNABORTED',
      'EPIPE',
      'UND_ERR_SOCKET',
      'UND_ERR_HEADERS_TIMEOUT',
      'UND_ERR_INFO',
      'ERR_HTTP2_STREAM_ERROR',
      'ERR_HTTP2_SESSION_ERROR',
      'HPE_INVALID_CONSTANT',
    ],
    [
      'certificate',
      'CERT_HAS_EXPIRED',
      'CERT_NOT_YET_VALID',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'HOSTNAME_MISMATCH',
      'INVALID_CA',
      'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
    ],
    ['redirect', 'UnexpectedRedirect', 'TooManyRedirects', 'ERR_INVALID_URL'],
    [
      'unsendable',
      'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
      'UND_ERR_CLOSED',
      'ERR_SSL_WRONG_VERSION_NUMBER',
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'ERR_SSL_UNSUPPORTED_PROTOCOL',
      'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      'ERR_SSL_NO_SHARED_CIPHER',
    ],
    ['unknown', 'EODD'],
  ];
  const messages: [kind: string, ...messages: string[]][] = [
    [
      'redirect',
      'unexpected redirect',
      'redirect count exceeded',
      "Encountered redirect while redirect mode is set to 'error'",
    ],
    ['certificate', 'invalid peer certificate: UnknownIssuer'],
    ['unsendable', 'bad port', 'unknown scheme', 'received corrupt message of type InvalidContentType'],
    ['broken', 'Response does not match the HTTP/1.1 protocol (Expected HTTP/)'],
    ['unknown', 'Failed to fetch', 'Load failed'],
  ];
  const permanent = ['redirect', 'certificate', 'unsendable'];
  const causes = [
    ...codes.flatMap(([kind, ...all]) => all.map((code) => [kind, code, { code }] as const)),
    ...messages.flatMap(([kind, ...all]) => all.map((message) => [kind, message, { message }] as const)),
  ];
  for (const [kind, title, fields] of causes) {
    it(`is '${kind}' for ${title}, and decides whether backoff retries`, async () => {
      let requests = 0;
      const fetch: Fetch = () => {
        requests++;
        return Promise.reject(new TypeError('fetch failed', { cause: Object.assign(new Error(), fields) }));
      };
      const budget = retryBudget({ ratio: 1, min: 0 });
      const delay = backoff({ fetch }, { initialDelay: 0, budget });
      const error = await failureOf(fetchJson({ fetch }, api).pipe(retry({ count: 1, delay })), NetworkError);
      expect(error.kind).to.equal(kind);
      expect(error.toJSON()).to.include({ kind });
      expect(requests).to.equal(permanent.includes(kind) ? 1 : 2);
      expect(budget.tryAcquire()).to.equal(permanent.includes(kind));
    });
  }

  it("is 'unknown' by default, in an error that is made by hand", () => {
    const error = new NetworkError({ reason: 'no answer', method: 'GET', url: api });
    expect(error).to.include({ kind: 'unknown', message: `no answer from GET ${api}` });
    expect(isTransient(error)).to.equal(true);
  });

  it('comes with advice about what is permanent', async () => {
    const failing =
      (message: string): Fetch =>
      () =>
        Promise.reject(new TypeError('fetch failed', { cause: new Error(message) }));
    for (const [message, url, advice] of [
      [
        'unexpected redirect',
        api,
        "a refused redirect from GET http://api.test/: request its target, or set redirect: 'follow'",
      ],
      [
        'redirect count exceeded',
        api,
        'a redirect that cannot be followed from GET http://api.test/: request its target',
      ],
      [
        'invalid peer certificate',
        api,
        'no answer from GET http://api.test/: check its host name, its dates and the trusted authorities',
      ],
      [
        'bad port',
        'http://api.test:25/',
        'no answer from GET http://api.test:25/: use http: or https:, and a port that fetch does not block',
      ],
      ['', 'data:,secret', 'no answer from GET data: use http: or https:, and a port that fetch does not block'],
    ] as const) {
      expect((await failureOf(fetchJson({ fetch: failing(message) }, url), NetworkError)).message).to.equal(advice);
    }
  });

  describe('of a transport that gives no reason, as in browsers,', () => {
    const fetch: Fetch = () => Promise.reject(new TypeError('Failed to fetch'));
    for (const [url, kind] of [
      ['http://api.test:6000/', 'unsendable'],
      ['http://api.test:0/', 'unsendable'],
      ['http://api.test:10080/', 'unsendable'],
      ['http://api.test:100/', 'unknown'],
      ['https://api.test/', 'unknown'],
      ['ftp://api.test/', 'unsendable'],
      ['blob:http://api.test/42', 'unsendable'],
    ] as const) {
      it(`is '${kind}' for ${url}`, async () => {
        expect((await failureOf(fetchJson({ fetch }, url), NetworkError)).kind).to.equal(kind);
      });
    }

    for (const [title, init] of [
      ['the mode navigate', { mode: 'navigate' }],
      ['an unknown cache', { cache: 'sometimes' as never }],
      ['a symbol as the body', { method: 'PUT', body: Symbol('secret') as never }],
    ] as [string, FetchInit][]) {
      it(`is no NetworkError but a TypeError for ${title}, which fetch cannot send`, async () => {
        const error = await failureOf(fetchJson({ fetch }, api, init), TypeError);
        expect(error.message).to.equal(
          'fetch: init: expected a request that fetch can send, got another: check its method, headers and options',
        );
        expect(isTransient(error)).to.equal(false);
      });
    }
  });

  it('is no NetworkError but a TypeError for a referrer that is no URL, which looks like a bad redirect', async () => {
    const error = await failureOf(fetchJson({ fetch: globalThis.fetch }, api, { referrer: 'http://[' }), TypeError);
    expect(error.message).to.match(/^fetch: init: expected a request that fetch can send/);
  });

  it("is 'unsendable' for a transport that throws", async () => {
    const fetch: Fetch = () => {
      throw new Error('not today');
    };
    const error = await failureOf(fetchJson({ fetch }, api), NetworkError);
    expect(error.kind).to.equal('unsendable');
    expect(isTransient(error)).to.equal(false);
  });
});
