import { expect } from 'chai';
import { expectTypeOf } from 'expect-type';
import { firstValueFrom, lastValueFrom, type Observable, take, tap, throwError, timer } from 'rxjs';
import {
  background,
  BodyTooLargeError,
  CanceledError,
  DecodeError,
  type Fetch,
  type FetchInit,
  fetchJson,
  type FetchResponse,
  fetchText,
  HttpError,
  NetworkError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

describe('fetchJson and fetchText', () => {
  expectNoUnhandledRejections();

  const api = 'http://api.test/users/42';
  const answers =
    (body: BodyInit | null, init?: ResponseInit): Fetch =>
    () =>
      Promise.resolve(new Response(body, init));
  const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

  /** A transport that never answers and does not heed its signal; it shows the signal. */
  const deaf = (): { readonly fetch: Fetch; readonly signal: () => AbortSignal } => {
    let given: AbortSignal | null | undefined;
    return {
      signal: () => given!,
      fetch: (_url, { signal }) => {
        given = signal;
        return new Promise(() => undefined);
      },
    };
  };

  /** A body that sends `chunks`, then does what `then` says, and counts how often it is canceled. */
  const body = (
    chunks: readonly string[],
    then: 'hang' | 'end' | 'break' = 'hang',
    cancel: () => PromiseLike<void> = () => Promise.resolve(),
  ): { readonly stream: ReadableStream<Uint8Array>; readonly canceled: () => number } => {
    const left = [...chunks];
    let canceled = 0;
    const stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          const next = left.shift();
          if (next !== undefined) controller.enqueue(bytes(next));
          else if (then === 'end') controller.close();
          else if (then === 'break') controller.error(new Error('the stream broke'));
          else return new Promise<void>(() => undefined);
          return undefined;
        },
        cancel: () => {
          canceled++;
          return cancel();
        },
      },
      { highWaterMark: 0 },
    );
    return { stream, canceled: () => canceled };
  };

  describe('the transport', () => {
    it('is ctx.fetch, called as a plain function, with a URL', async () => {
      const calls: { plain: boolean; given: unknown[] }[] = [];
      const fetch = function (this: unknown, ...given: Parameters<Fetch>): Promise<Response> {
        calls.push({ plain: this === undefined || this === globalThis, given });
        return Promise.resolve(Response.json({ name: 'Alice' }));
      };
      const profile = fetchJson({ fetch }, `${api}?verbose`);
      expect(calls).to.have.length(0);
      expect(await lastValueFrom(profile)).to.deep.equal({ name: 'Alice' });
      expect(calls).to.have.length(1);
      expect(calls[0]?.plain).to.equal(true);
      expect(calls[0]?.given[0]).to.be.instanceOf(URL).with.property('href', `${api}?verbose`);
    });

    it("gets the caller's init, a signal of its own, refused redirects, and nothing of ours", async () => {
      let sent: RequestInit = {};
      const fetch: Fetch = (_url, init) => {
        sent = init;
        return Promise.resolve(new Response('1'));
      };
      const { signal } = new AbortController();
      const init = { method: 'PUT', body: 'x', cache: 'no-store', maxBytes: 9, empty: 'undefined', signal } as const;
      await lastValueFrom(fetchJson({ fetch, signal, deadline: 4e12, propagate: { 'x-id': '7' } }, api, init));
      const { headers, signal: own, ...rest } = sent;
      expect(rest).to.deep.equal({ method: 'PUT', body: 'x', cache: 'no-store', redirect: 'error' });
      expect([...new Headers(headers)]).to.deep.equal([['accept', 'application/json'], ['x-id', '7']]); // prettier-ignore
      expect(own).to.be.instanceOf(AbortSignal).and.not.to.equal(signal);
    });

    it('that throws is a NetworkError', async () => {
      const cause = Object.assign(new Error('secret'), { code: 'EBROKEN' });
      const fetch: Fetch = () => {
        throw cause;
      };
      const error = await failureOf(fetchJson({ fetch }, `${api}?token=secret`), NetworkError);
      expect(error.message).to.equal(`no answer (EBROKEN) from GET ${api}`);
      expect(error.cause).to.equal(cause);
    });

    const caused = (depth: number): object =>
      depth === 0 ? { code: 'EDEEP' } : new Error('secret', { cause: caused(depth - 1) });
    const rejections: [string, unknown, string][] = [
      ['an Error', new Error('secret'), 'no answer'],
      [
        'with the code in its cause',
        new TypeError('secret', { cause: { code: 'ENOTFOUND' } }),
        'no answer (ENOTFOUND)',
      ],
      ['with the code in the cause of its cause', caused(2), 'no answer (EDEEP)'],
      ['with the code deeper still', caused(3), 'no answer'],
      ['a string', 'secret', 'no answer'],
      ['null', null, 'no answer'],
      ['undefined', undefined, 'no answer'],
    ];
    for (const [name, cause, message] of rejections) {
      it(`that rejects is a NetworkError: ${name}`, async () => {
        const fetch = (): Promise<Response> => firstValueFrom(throwError(() => cause));
        const error = await failureOf(fetchText({ fetch }, api), NetworkError);
        expect(error.message).to.equal(`${message} from GET ${api}`);
        expect(error.cause).to.equal(cause);
      });
    }

    it('that refuses a redirect, as Node says it, is a NetworkError that says so', async () => {
      const cause = new TypeError('fetch failed', { cause: new Error('unexpected redirect') });
      const error = await failureOf(fetchText({ fetch: () => Promise.reject(cause) }, api), NetworkError);
      expect(error.message).to.equal(`a refused redirect from GET ${api}`);
      expect(error).to.include({ method: 'GET', url: api, cause });
    });

    it('that rejects with an error of ours is left as it is', async () => {
      const own = new HttpError({ status: 401, method: 'POST', url: 'http://auth.test/token' });
      const fetch = (): Promise<Response> => Promise.reject(own);
      expect(await failureOf(fetchJson({ fetch }, api), HttpError)).to.equal(own);
    });

    it('that answers with nothing is an error still', async () => {
      const fetch = (() => undefined) as unknown as Fetch;
      await failureOf(fetchJson({ fetch }, api), TypeError);
    });

    it('may answer with less than a Response', async () => {
      const chunks = [
        { done: false, value: bytes('[1') },
        { done: true, value: bytes(']') },
      ];
      let canceled = 0;
      const cancel = (): Promise<void> => {
        canceled++;
        return Promise.resolve();
      };
      const response = (status: number): FetchResponse => ({
        status,
        headers: { get: () => null },
        body: { getReader: () => ({ read: () => Promise.resolve(chunks.shift() ?? { done: true }), cancel }) },
      });
      const ask = (status: number): Observable<unknown> =>
        fetchJson({ fetch: () => Promise.resolve(response(status)) }, api);
      expect(await lastValueFrom(ask(200))).to.deep.equal([1]);
      expect(await failureOf(ask(199), HttpError)).to.include({ status: 199, body: '' });
      expect(canceled).to.equal(0);
    });

    it('may answer with an error response', async () => {
      const fetch: Fetch = () => Promise.resolve(Response.error());
      expect((await failureOf(fetchJson({ fetch }, api), HttpError)).status).to.equal(0);
    });
  });

  describe('canceling', () => {
    it('aborts on unsubscribe, as every fetch is aborted: the reason is an AbortError', () => {
      const { fetch, signal } = deaf();
      const subscription = fetchJson({ fetch }, api).subscribe();
      expect(signal().aborted).to.equal(false);
      subscription.unsubscribe();
      expect(signal().reason).to.be.instanceOf(DOMException).with.property('name', 'AbortError');
      expect(signal().reason).to.have.property('message', 'The answer is no longer needed');
      expect(signal().reason).to.have.property('cause').that.is.instanceOf(CanceledError);
    });

    it('aborts before it notifies', () => {
      const { fetch, signal } = deaf();
      const controller = new AbortController();
      const seen: unknown[] = [];
      fetchJson({ fetch, signal: controller.signal }, api).subscribe({
        error: (error: unknown) => seen.push(signal().aborted, error),
      });
      controller.abort('the user left');
      expect(seen).to.have.length(2);
      expect(seen[0]).to.equal(true);
      expect(seen[1]).to.be.instanceOf(CanceledError).with.property('cause', 'the user left');
    });

    it('asks nothing where the signal has aborted, and says so at once', () => {
      const errors: unknown[] = [];
      const fetch: Fetch = () => {
        throw new Error('asked');
      };
      const reason = { why: 'the user left' };
      for (const source of [
        fetchJson({ fetch, signal: AbortSignal.abort(reason) }, api),
        fetchJson({ fetch }, api, { signal: AbortSignal.abort(reason) }),
      ]) {
        source.subscribe({ error: (error: unknown) => errors.push(error) });
      }
      expect(errors).to.have.length(2);
      for (const error of errors) {
        expect(error).to.be.instanceOf(CanceledError).with.property('cause', reason);
      }
    });

    it('leaves the signal alone after success, though the subscriber goes on the value', async () => {
      let signal: AbortSignal | null | undefined;
      const fetch: Fetch = (_url, init) => {
        signal = init.signal;
        return Promise.resolve(new Response('1'));
      };
      expect(await lastValueFrom(fetchJson({ fetch }, api).pipe(take(1)))).to.equal(1);
      expect(signal).to.have.property('aborted', false);
    });

    for (const status of [200, 500]) {
      it(`cancels the body of a ${String(status)} that comes after the end, from a transport that is deaf`, async () => {
        const { stream, canceled } = body(['late']);
        let answer: (response: Response) => void = () => undefined;
        const fetch: Fetch = () => new Promise((resolve) => (answer = resolve));
        fetchText({ fetch }, api).subscribe(unexpected).unsubscribe();
        answer(new Response(stream, { status }));
        await turn();
        expect(canceled()).to.equal(1);
      });
    }

    const cancels: [string, () => PromiseLike<void>][] = [
      ['rejects', () => Promise.reject(new Error('cannot cancel'))],
      [
        'throws',
        () => {
          throw new Error('cannot cancel');
        },
      ],
      ['never settles', () => new Promise(() => undefined)],
    ];
    for (const [name, cancel] of cancels) {
      it(`is silent where a body's cancel ${name}: after the end, while it streams, and of a failure`, async () => {
        const late = body(['late'], 'hang', cancel);
        let answer: (response: Response) => void = () => undefined;
        const fetch: Fetch = () => new Promise((resolve) => (answer = resolve));
        fetchText({ fetch }, api).subscribe(unexpected).unsubscribe();
        answer(new Response(late.stream));

        const streaming = body(['streaming'], 'hang', cancel);
        const subscription = fetchText({ fetch: answers(streaming.stream) }, api).subscribe(unexpected);
        await turn();
        subscription.unsubscribe();

        const tooLarge = body(['too large'], 'hang', cancel);
        await failureOf(fetchText({ fetch: answers(tooLarge.stream) }, api, { maxBytes: 1 }), BodyTooLargeError);

        const failed = body(['failed'], 'hang', cancel);
        const error = await failureOf(fetchText({ fetch: answers(failed.stream, { status: 500 }) }, api), HttpError);
        expect(error.body).to.equal('failed');
        await turn();
        expect([late, streaming, tooLarge, failed].map(({ canceled }) => canceled())).to.deep.equal([1, 1, 1, 1]);
      });
    }

    it('is silent where the transport rejects, or the body breaks, after the end', async () => {
      let reject: (error: Error) => void = () => undefined;
      const fetch: Fetch = () => new Promise((_resolve, refuse) => (reject = refuse));
      fetchText({ fetch }, api).subscribe(unexpected).unsubscribe();
      reject(new Error('late'));

      let fail: (error: Error) => void = () => undefined;
      const read = new Promise<never>((_resolve, refuse) => (fail = refuse));
      const cancel = (): Promise<void> => Promise.resolve();
      const breaking: FetchResponse = {
        status: 200,
        headers: new Headers(),
        body: { getReader: () => ({ read: () => read, cancel }) },
      };
      const subscription = fetchText({ fetch: () => Promise.resolve(breaking) }, api).subscribe(unexpected);
      await turn();
      subscription.unsubscribe();
      fail(new Error('late'));
      await turn();
    });

    it('does not cancel a body that was read to its end', async () => {
      const { stream, canceled } = body(['"Al', 'ice"'], 'end');
      expect(await lastValueFrom(fetchJson({ fetch: answers(stream) }, api))).to.equal('Alice');
      expect(canceled()).to.equal(0);
    });
  });

  describe('a status outside 200–299', () => {
    it('is an HttpError with an excerpt that is not enumerable', async () => {
      const fetch = answers('no such user', { status: 404, headers: { 'content-type': 'text/plain' } });
      const error = await failureOf(fetchJson({ fetch }, `${api}?token=secret`, { method: 'delete' }), HttpError);
      expect(error.message).to.equal(`HTTP 404 from DELETE ${api}`);
      expect(error).to.include({ status: 404, method: 'DELETE', url: api, retryAfter: undefined });
      expect(error.body).to.equal('no such user');
      expect(Object.keys(error)).not.to.include('body');
      expect(JSON.stringify(error)).not.to.include('no such user');
    });

    it('cuts the excerpt at 64 KiB, counted in bytes, though it comes in one piece', async () => {
      const ascii = await failureOf(
        fetchText({ fetch: answers('x'.repeat(2 ** 20), { status: 500 }) }, api),
        HttpError,
      );
      expect(ascii.body).to.equal('x'.repeat(2 ** 16));
      const wide = await failureOf(fetchText({ fetch: answers('é'.repeat(2 ** 20), { status: 500 }) }, api), HttpError);
      expect(wide.body).to.equal('é'.repeat(2 ** 15));
    });

    it('reads no further than the excerpt, though the body would end there', async () => {
      const { stream, canceled } = body(['x'.repeat(2 ** 16)], 'end');
      await failureOf(fetchText({ fetch: answers(stream, { status: 500 }) }, api), HttpError);
      expect(canceled()).to.equal(1);
    });

    it('cancels a body that drips, and keeps what came', async () => {
      const { stream, canceled } = body(['dri', 'p']);
      const error = await failureOf(fetchText({ fetch: answers(stream, { status: 503 }) }, api), HttpError);
      expect(error.body).to.equal('drip');
      expect(canceled()).to.equal(1);
    });

    it('is an HttpError still, with what came, where the body breaks or cannot be read', async () => {
      const { stream } = body(['oops'], 'break');
      const broken = await failureOf(fetchText({ fetch: answers(stream, { status: 500 }) }, api), HttpError);
      expect(broken.body).to.equal('oops');
      const response = new Response('read by somebody else', { status: 500 });
      response.body?.getReader();
      const locked = await failureOf(fetchText({ fetch: () => Promise.resolve(response) }, api), HttpError);
      expect(locked.body).to.equal('');
    });

    it('takes bytes that are no UTF-8 as they come', async () => {
      const fetch = answers(new Uint8Array([0x61, 0xff, 0x62]), { status: 500 });
      expect((await failureOf(fetchText({ fetch }, api), HttpError)).body).to.equal('a\ufffdb');
    });

    const retryAfter: [string, number | undefined][] = [
      ['0', 0],
      ['120', 120_000],
      [' 7 ', 7_000],
      ['Wed, 21 Oct 2015 07:28:00 GMT', 0], // long past
      ['1.5', undefined],
      ['-1', undefined],
      ['soon', undefined],
      ['(at) Wed, 21 Oct 2015 07:28:00 GMT', undefined],
      ['Wed, 21 Oct 2015 07:28:00 GMT+0100', undefined],
      ['2099-01-01', undefined],
      ['', undefined],
    ];
    for (const [value, expected] of retryAfter) {
      it(`says retryAfter in milliseconds: ${JSON.stringify(value)} is ${String(expected)}`, async () => {
        const fetch = answers(null, { status: 503, headers: { 'retry-after': value } });
        const error = await failureOf(fetchText({ fetch }, api), HttpError);
        expect(error.retryAfter).to.equal(expected);
      });
    }

    it('says retryAfter in milliseconds: of headers that come with their spaces too', async () => {
      const headers = { get: () => ' 7 ' };
      const fetch: Fetch = () => Promise.resolve({ status: 503, headers, body: null });
      expect(await failureOf(fetchText({ fetch }, api), HttpError)).to.include({ retryAfter: 7_000 });
    });

    it('says retryAfter in milliseconds: a date is counted from now', async () => {
      const date = 'Fri, 01 Jan 2100 00:00:00 GMT';
      const at = Date.UTC(2100, 0, 1);
      const fetch = answers(null, { status: 503, headers: { 'retry-after': date } });
      const earliest = Date.now();
      const { retryAfter } = await failureOf(fetchText({ fetch }, api), HttpError);
      expect(retryAfter).to.be.within(at - Date.now(), at - earliest);
    });
  });

  describe('a body', () => {
    it('of a 299 is an answer, and one of no bytes is within maxBytes: 0', async () => {
      expect(await lastValueFrom(fetchText({ fetch: answers('Alice', { status: 299 }) }, api))).to.equal('Alice');
      expect(await lastValueFrom(fetchText({ fetch: answers('') }, api, { maxBytes: 0 }))).to.equal('');
    });

    it('is sent by every method but GET and HEAD, though its name holds theirs', async () => {
      for (const method of ['GETALL', 'TARGET', 'HEADER', 'AHEAD']) {
        expect(await lastValueFrom(fetchText({ fetch: answers('ok') }, api, { method, body: 'x' }))).to.equal('ok');
      }
    });

    it('that broke is not canceled', async () => {
      let canceled = 0;
      const cancel = (): Promise<void> => {
        canceled++;
        return Promise.resolve();
      };
      const read = (): Promise<never> => Promise.reject(new Error('the stream broke'));
      const response = { status: 200, headers: new Headers(), body: { getReader: () => ({ read, cancel }) } };
      await failureOf(fetchText({ fetch: () => Promise.resolve(response) }, api), NetworkError);
      expect(canceled).to.equal(0);
    });

    it('is decoded as UTF-8 across its chunks, without a byte order mark', async () => {
      const all = bytes('\ufeff"€"');
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (const byte of all) controller.enqueue(new Uint8Array([byte]));
          controller.close();
        },
      });
      expect(await lastValueFrom(fetchJson({ fetch: answers(stream) }, api))).to.equal('€');
    });

    it('that breaks is a NetworkError', async () => {
      const { stream } = body(['[1,'], 'break');
      const error = await failureOf(fetchJson({ fetch: answers(stream) }, api), NetworkError);
      expect(error.message).to.equal(`a body cut short from GET ${api}`);
      expect(error.cause).to.have.property('message', 'the stream broke');
    });

    it('that somebody else has read is a NetworkError', async () => {
      const response = new Response('[1]');
      response.body?.getReader();
      await failureOf(fetchJson({ fetch: () => Promise.resolve(response) }, api), NetworkError);
    });

    it('that is too large is canceled at once', async () => {
      const { stream, canceled } = body(['12', '34', '56']);
      const error = await failureOf(fetchText({ fetch: answers(stream) }, api, { maxBytes: 3 }), BodyTooLargeError);
      expect(error.message).to.equal(`more than 3 bytes from GET ${api}`);
      expect(canceled()).to.equal(1);
    });

    it('that is no UTF-8, or ends within a character, is a DecodeError', async () => {
      for (const cut of [
        [0x22, 0xff, 0x22],
        [0x22, 0xe2, 0x82],
      ]) {
        const error = await failureOf(fetchText({ fetch: answers(new Uint8Array(cut)) }, api), DecodeError);
        expect(error.message).to.equal(`expected UTF-8, got 3 bytes of no content type (HTTP 200) from GET ${api}`);
        expect(error.contentType).to.equal(null);
      }
    });

    it('that is no UTF-8 is a DecodeError, though it comes in chunks', async () => {
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (const byte of [0x22, 0xff, 0x22]) controller.enqueue(new Uint8Array([byte]));
          controller.close();
        },
      });
      await failureOf(fetchText({ fetch: answers(stream) }, api), DecodeError);
    });

    it('that is no JSON is a DecodeError that does not quote it', async () => {
      const fetch = answers('<h1>secret', { headers: { 'content-type': 'text/html' } });
      const error = await failureOf(fetchJson({ fetch }, api), DecodeError);
      expect(error.message).to.equal(`expected JSON, got 10 bytes of text/html (HTTP 200) from GET ${api}`);
      expect(error).to.include({ status: 200, contentType: 'text/html', method: 'GET', url: api });
      expect(error).not.to.have.property('cause');
    });

    const mediaTypes: [string, string | null][] = [
      ['text/html; charset=utf-8', 'text/html; charset=utf-8'],
      ['text/html;charset=utf-8', 'text/html;charset=utf-8'],
      ['multipart/mixed; boundary=secret', 'multipart/mixed'],
      ['application/vnd.api+json;profile="secret"', 'application/vnd.api+json'],
      [`text/${'x'.repeat(100)}`, `text/${'x'.repeat(64)}`],
      ['secret', null],
      ['secret, text/html', null],
    ];
    for (const [header, contentType] of mediaTypes) {
      it(`that is a DecodeError says its media type, and nothing else that the header holds: ${header}`, async () => {
        const fetch = answers('?', { headers: { 'content-type': header } });
        const error = await failureOf(fetchJson({ fetch }, api), DecodeError);
        expect(error.contentType).to.equal(contentType);
        const held = contentType ?? 'no content type';
        expect(error.message).to.equal(`expected JSON, got 1 bytes of ${held} (HTTP 200) from GET ${api}`);
      });
    }

    for (const [name, empty] of [
      ['a 204', answers(null, { status: 204 })],
      ['an empty 200', answers('')],
      ['a byte order mark alone', answers('\ufeff')],
    ] as const) {
      it(`that is empty is a DecodeError, undefined where the caller says so, and '' as text: ${name}`, async () => {
        const error = await failureOf(fetchJson({ fetch: empty }, api), DecodeError);
        expect(error.message).to.match(/^expected JSON, got an empty body \(HTTP 20[04]\) from GET/);
        expect(await lastValueFrom(fetchJson({ fetch: empty }, api, { empty: 'undefined' }))).to.equal(undefined);
        await failureOf(fetchJson({ fetch: empty }, api, { empty: 'error' }), DecodeError);
        expect(await lastValueFrom(fetchText({ fetch: empty }, api))).to.equal('');
      });
    }

    it('keeps an own `__proto__` an own key', async () => {
      const answer = await lastValueFrom(fetchJson<object>({ fetch: answers('{"__proto__":{"admin":true}}') }, api));
      expect(Object.keys(answer)).to.deep.equal(['__proto__']);
      expect(answer).not.to.have.property('admin');
    });
  });

  it('shows of a scheme that only ends in http nothing but the scheme', async () => {
    const fetch: Fetch = () => Promise.reject(new Error('no such scheme'));
    expect(await failureOf(fetchText({ fetch }, 'xhttp:secret'), NetworkError)).to.include({ url: 'xhttp:' });
  });

  it('sends the value of a header without the blanks around it, to a transport that takes it as it is', async () => {
    let sent: RequestInit['headers'];
    const fetch: Fetch = (_url, { headers }) => {
      sent = headers;
      return Promise.resolve(new Response('ok'));
    };
    const headers = { before: ' \tx y', after: 'x y\t ', around: ' \xa0 ', none: 'x y' };
    await lastValueFrom(fetchText({ fetch }, api, { headers }));
    expect(sent).to.deep.equal(Object.entries({ before: 'x y', after: 'x y', around: '\xa0', none: 'x y' }));
  });

  it('refuses headers that are a string', async () => {
    const error = await failureOf(fetchText({ fetch: answers('') }, api, { headers: 'a: b' as never }), TypeError);
    expect(error.message).to.equal('fetch: headers: expected a record, pairs or a Headers, got a string');
  });

  for (const [name, headers] of [
    ['that starts with what HTTP refuses', [[' key', 'secret']]],
    ['that is not there', [[]]],
  ] as [string, [string, string][]][]) {
    it(`quotes nothing of the name of a header ${name}`, async () => {
      const error = await failureOf(fetchText({ fetch: answers('') }, api, { headers }), TypeError);
      expect(error.message).to.equal(
        'fetch: header name: expected an HTTP token, got "…": use letters, digits and hyphens',
      );
    });
  }

  it('resolves a relative URL where there is a page, and says so where there is none', async () => {
    const asked: string[] = [];
    const fetch: Fetch = ({ href }) => {
      asked.push(href);
      return Promise.resolve(new Response('1'));
    };
    if (typeof document === 'undefined') {
      const error = await failureOf(fetchJson({ fetch }, '/users/42?token=secret'), TypeError);
      expect(error.message).to.equal(
        'fetch: expected an absolute URL, since there is no page, got "/users/42": add the scheme and the host',
      );
      expect(asked).to.deep.equal([]);
    } else {
      await lastValueFrom(fetchJson({ fetch }, '/users/42?verbose'));
      expect(asked).to.deep.equal([`${location.origin}/users/42?verbose`]);
      const error = await failureOf(fetchJson({ fetch }, 'http://[?token=secret'), TypeError);
      expect(error.message).to.equal('fetch: expected a valid URL, got "http://[": check its host and port');
    }
  });

  it('refuses a context that is none, as an error notification', async () => {
    const error = await failureOf(fetchJson(undefined as never, api), TypeError);
    expect(error.message).to.match(/^the first argument is the context/);
  });

  it('notifies of an error once, after the body is canceled', async () => {
    const log: string[] = [];
    const { stream } = body(['too large'], 'hang', () => {
      log.push('canceled');
      return Promise.resolve();
    });
    const source = fetchText({ fetch: answers(stream) }, api, { maxBytes: 1 });
    await failureOf(source.pipe(tap({ error: () => log.push('notified') })), BodyTooLargeError);
    expect(log).to.deep.equal(['canceled', 'notified']);
  });

  it('has the types that the caller says', () => {
    const json = fetchJson(background, api);
    const users = fetchJson<string[]>(background, api, { maxBytes: 1 });
    const maybe = fetchJson<string[]>(background, api, { empty: 'undefined' });
    const text = fetchText(background, api);
    const init = (given: FetchInit | RequestInit): typeof given => given;
    expectTypeOf(fetchJson<string[]>(background, api, init({}))).toEqualTypeOf<Observable<string[] | undefined>>();
    expectTypeOf(fetchJson<string[]>(background, api, {})).toEqualTypeOf<Observable<string[]>>();
    expectTypeOf(json).toEqualTypeOf<Observable<unknown>>();
    expectTypeOf(users).toEqualTypeOf<Observable<string[]>>();
    expectTypeOf(maybe).toEqualTypeOf<Observable<string[] | undefined>>();
    expectTypeOf(text).toEqualTypeOf<Observable<string>>();
    expectTypeOf(fetch).toExtend<Fetch>();
    // @ts-expect-error -- 'null' is no way to take an empty body
    void fetchJson(background, api, { empty: 'null' });
  });

  /** Promises settle before the next task. */
  async function turn(): Promise<void> {
    await firstValueFrom(timer(0));
  }

  const unexpected = {
    next: () => expect.fail('a value after the end'),
    error: () => expect.fail('an error after the end'),
    complete: () => expect.fail('completed after the end'),
  };
});
