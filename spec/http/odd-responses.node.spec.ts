import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { resolve, sep } from 'node:path';
import { config, finalize, firstValueFrom, retry, tap } from 'rxjs';
import type * as forkfast from '../../lib/index.ts';
import {
  backoff,
  BodyTooLargeError,
  DecodeError,
  type Fetch,
  type FetchChunk,
  fetchJson,
  type FetchResponse,
  fetchText,
  HttpError,
  isTransient,
  NetworkError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { boom } from '../support/services.ts';
import { nextTask } from '../support/tasks.ts';

/** Transports that answer as none of the platform does. */
describe('an odd response', () => {
  expectNoUnhandledRejections();

  const href = 'http://a.test/';
  const value = new TextEncoder().encode('a');
  const reported: unknown[] = [];
  beforeEach(() => {
    reported.length = 0;
    config.onUnhandledError = (error) => reported.push(error);
  });
  afterEach(() => {
    config.onUnhandledError = null;
  });

  /** A transport that responds with the chunks that `read` returns, and logs when its body is canceled. */
  function responding(read: () => unknown, { status = 200, log = [] as string[] } = {}): Fetch {
    const reader = {
      read: read as () => FetchChunk,
      cancel: () => {
        log.push('canceled');
        return Promise.resolve();
      },
    };
    return () => Promise.resolve({ status, headers: new Headers(), body: { getReader: () => reader } });
  }

  /** Reads `chunks` in turn. Resolves with the text or the error, after what happened before it. */
  async function readAll(status: number, ...chunks: readonly unknown[]): Promise<[string[], unknown]> {
    const log: string[] = [];
    const left = [...chunks];
    const fetch = responding(() => left.shift(), { status, log });
    const text = fetchText({ fetch }, href, { maxBytes: 2 }).pipe(tap({ error: () => log.push('failed') }));
    return [log, await firstValueFrom(text).catch((error: unknown) => error)];
  }

  describe('whose body', () => {
    const thenable = (chunk: FetchChunk) => ({
      then: (settle: (chunk: FetchChunk) => void) => {
        settle(chunk);
        settle(chunk);
      },
    });
    for (const [how, wrap] of Object.entries({
      'comes without a promise, as far as it is there': (chunk: FetchChunk, left: number) =>
        left % 5_000 === 1 ? Promise.resolve(chunk) : chunk,
      'comes by foreign promises, which call back synchronously and twice': thenable,
    })) {
      it(`${how}, is read without a deep stack`, async () => {
        let left = 20_000;
        const fetch = responding(() => wrap({ done: --left === 0, value }, left));
        expect(await firstValueFrom(fetchText({ fetch }, href))).to.equal('a'.repeat(20_000));
        expect(left).to.equal(0);
      });
    }

    it('is endless, is read no more once it is too large, or the caller has unsubscribed', async () => {
      let reads = 0;
      const fetch = responding(() => {
        reads++;
        return { done: false, value };
      });
      await failureOf(fetchText({ fetch }, href, { maxBytes: 9 }), BodyTooLargeError);
      expect(reads).to.equal(10);
      fetchText({ fetch }, href).subscribe().unsubscribe();
      await nextTask();
      expect(reads).to.equal(10);
    });

    const broken: Readonly<Record<string, () => unknown>> = {
      'throws when it is read': () => {
        throw boom;
      },
      'rejects when it is read': () => Promise.reject(boom),
      'reads as undefined': () => undefined,
      'reads as a promise of undefined': () => Promise.resolve(undefined),
    };
    for (const [how, read] of Object.entries(broken)) {
      it(`${how}, is a NetworkError`, async () => {
        const error = await failureOf(fetchText({ fetch: responding(read) }, href), NetworkError);
        expect(error.message).to.match(/^a body cut short/);
        if (how.endsWith('read')) expect(error.cause).to.equal(boom);
        else expect(error.cause).to.be.instanceOf(TypeError);
      });
    }

    it('gives no reader, is a NetworkError', async () => {
      const getReader = (): never => {
        throw boom;
      };
      const fetch = () => Promise.resolve({ status: 200, headers: new Headers(), body: { getReader } });
      expect((await failureOf(fetchText({ fetch }, href), NetworkError)).cause).to.equal(boom);
    });

    it('has chunks without a size, is a BodyTooLargeError', async () => {
      let reads = 0;
      const fetch = responding(() => ({ done: ++reads === 9, value: 'text' }));
      await failureOf(fetchText({ fetch }, href), BodyTooLargeError);
      expect(reads).to.equal(1);
    });

    it('comes after the caller has unsubscribed, is canceled, and ignored if it cannot be', async () => {
      const log: string[] = [];
      const reader = {
        read: () => Promise.reject(boom),
        cancel: () => {
          log.push('canceled');
          return Promise.resolve();
        },
      };
      const throwing = (): never => {
        log.push('thrown');
        throw boom;
      };
      for (const getReader of [() => reader, throwing]) {
        let respond = (_response: FetchResponse): void => undefined;
        const fetch = () => new Promise<FetchResponse>((settle) => (respond = settle));
        fetchText({ fetch }, href).subscribe().unsubscribe();
        respond({ status: 200, headers: new Headers(), body: { getReader } });
        await nextTask();
      }
      expect(log).to.deep.equal(['canceled', 'thrown']);
      expect(reported).to.deep.equal([]);
    });

    for (const [how, cancel] of Object.entries({
      throws: (): never => {
        throw boom;
      },
      'returns no promise': () => undefined as never,
    })) {
      it(`${how} when it is canceled, changes nothing`, async () => {
        let canceled = false;
        let reading = (): void => undefined;
        const read = new Promise<void>((settle) => (reading = settle));
        const reader = {
          read: () => {
            reading();
            return new Promise<never>(() => undefined);
          },
          cancel: () => {
            canceled = true;
            return cancel();
          },
        };
        const fetch = () => Promise.resolve({ status: 200, headers: new Headers(), body: { getReader: () => reader } });
        const subscription = fetchJson({ fetch }, href).subscribe();
        await read;
        subscription.unsubscribe();
        for (let task = 0; task < 3; task++) await nextTask();
        expect(canceled).to.equal(true);
        expect(reported).to.deep.equal([]);
      });
    }
  });

  for (const status of [200, 500]) {
    it(`is canceled before the error is sent, if its chunks make no sense: status ${String(status)}`, async () => {
      for (const chunk of [undefined, { done: false, value: null }, Promise.resolve(undefined)]) {
        const [log, error] = await readAll(status, chunk);
        expect(error).to.be.instanceOf(status === 200 ? NetworkError : HttpError);
        expect(log).to.deep.equal(['canceled', 'failed']);
      }
    });
  }

  it('is canceled once, before the error is sent, if its status is 500 and it does not end', async () => {
    const chunk = { done: false, value: new Uint8Array(2 ** 16) };
    for (const read of [chunk, Promise.resolve(chunk)]) {
      const [log, error] = await readAll(500, read, read);
      expect(error).to.be.instanceOf(HttpError);
      expect(log).to.deep.equal(['canceled', 'failed']);
    }
  });

  it('is not canceled if it has ended: by itself, by breaking, or with a last chunk that is too large', async () => {
    expect(await readAll(200, { done: true, value })).to.deep.equal([[], 'a']);
    expect(await readAll(200, { done: false, value }, { done: true })).to.deep.equal([[], 'a']);
    for (const [chunk, type] of [
      [Promise.reject(boom), NetworkError],
      [{ done: true, value: new Uint8Array(3) }, BodyTooLargeError],
    ] as const) {
      const [log, error] = await readAll(200, chunk);
      expect(error).to.be.instanceOf(type);
      expect(log).to.deep.equal(['failed']);
    }
  });

  it('is an error, if parts of it are missing or throw', async () => {
    const headers = {
      get: () => {
        throw boom;
      },
    };
    for (const [response, type, message] of [
      [{ get status() { throw boom; } }, Error, /^boom$/], // prettier-ignore
      [{ status: 500, body: null, headers }, Error, /^boom$/],
      [{ status: 200, body: null, headers }, Error, /^boom$/],
    ] as const) {
      const fetch = () => Promise.resolve(response as unknown as FetchResponse);
      expect((await failureOf(fetchJson({ fetch }, href), type)).message).to.match(message);
    }
    expect(reported).to.deep.equal([]);
  });

  for (const [what, response] of [
    ['undefined', undefined],
    ['null', null],
    ['42', 42],
    ['a string', 'text'],
    ['an instance of Object', {}],
    ['an instance of Object', { ok: true, status: 200, json: () => Promise.resolve(1) }],
    ['an instance of Object', { status: 200, body: null }],
    ['an instance of Object', { status: 500, body: null }],
    ['an instance of Object', { status: 200, headers: new Headers(), body: '1' }],
    ['an instance of Object', { status: '200', headers: new Headers(), body: null }],
  ] as const) {
    it(`is a TypeError, and is not retried, if it is no response: ${JSON.stringify(response)}`, async () => {
      for (const respond of [() => response, () => Promise.resolve(response)]) {
        let requests = 0;
        const fetch = (() => (requests++, respond())) as unknown as Fetch;
        const delay = backoff({}, { initialDelay: 0 });
        const error = await failureOf(fetchJson({ fetch }, href).pipe(retry({ count: 1, delay })), TypeError);
        expect(error.message).to.equal(
          `fetch: response: expected a Response, got ${what}: resolve with one in ctx.fetch`,
        );
        expect(requests).to.equal(1);
      }
    });
  }

  for (const [how, read] of Object.entries<(response: Response) => unknown>({
    'has been read': (response) => response.text(),
    'has been read in part': async ({ body }) => {
      const reader = body!.getReader();
      await reader.read();
      reader.releaseLock();
    },
    'has another reader': ({ body }) => body!.getReader(),
  })) {
    it(`is a NetworkError that is not transient, if its body ${how}`, async () => {
      const response = new Response('[1]');
      await read(response);
      const error = await failureOf(fetchText({ fetch: () => Promise.resolve(response) }, href), NetworkError);
      expect(error.message).to.equal(
        `a body that has been read from GET ${href}: resolve with a new Response for each request in ctx.fetch`,
      );
      expect(isTransient(error)).to.equal(false);
      const post = fetchText({ fetch: () => Promise.resolve(response) }, href, { method: 'POST', idempotencyKey: 'a' });
      expect(isTransient(await failureOf(post, NetworkError))).to.equal(false);
    });
  }

  it('is a NetworkError, although the error of the transport throws when it is read', async () => {
    const odd = Object.defineProperty(new Error('odd'), 'code', {
      get: () => {
        throw boom;
      },
    });
    const { cause } = await failureOf(fetchText({ fetch: () => Promise.reject(odd) }, href), NetworkError);
    expect(cause).to.equal(odd);
    const [notifications, error] = await readAll(200, Promise.reject(odd));
    expect(notifications).to.deep.equal(['failed']);
    expect(error).to.be.instanceOf(NetworkError).and.have.property('cause', odd);
  });

  it('is read in the async context of its subscriber, whichever context the transport calls back in', async () => {
    const storage = new AsyncLocalStorage<string>();
    const foreign = {
      then: (settle: (chunk: FetchChunk) => void) => {
        storage.run('theirs', settle, { done: true, value });
      },
    };
    for (const status of [200, 500]) {
      const fetch = responding(() => foreign, { status });
      const seen = await storage.run(
        'ours',
        () =>
          new Promise((settle) => {
            const see = (): void => {
              settle(storage.getStore());
            };
            fetchText({ fetch }, href).subscribe({ next: see, error: see });
          }),
      );
      expect(seen).to.equal('ours');
    }
  });

  it('leaves no rejection unhandled when a teardown of the subscriber throws after the transport has failed', async () => {
    const fetch = (): Promise<never> => Promise.reject(boom);
    const tearing = fetchJson({ fetch }, href).pipe(
      finalize(() => {
        throw boom;
      }),
    );
    await new Promise<void>((settle) => {
      tearing.subscribe({
        error: () => {
          settle();
        },
      });
    });
    await nextTask();
    expect(reported).to.have.length(1);
  });
});

describe('a request', () => {
  it('is for the URL and with the init of the moment of its call', async () => {
    const sent: unknown[] = [];
    const fetch = ({ pathname }: URL, { method, body }: RequestInit) => {
      sent.push([pathname, method, body]);
      return Promise.resolve(new Response('ab', { status: 200 }));
    };
    const target = new URL('http://a.test/1');
    const init = { method: 'PUT', body: 'first', maxBytes: 2 };
    const first = fetchText({ fetch }, target, init);
    target.pathname = '/2';
    Object.assign(init, { method: 'POST', body: 'second', maxBytes: 1 });
    const second = fetchText({ fetch }, target, init);
    target.pathname = '/3';
    expect(await firstValueFrom(first)).to.equal('ab');
    expect(await failureOf(second, BodyTooLargeError)).to.include({
      method: 'POST',
      maxBytes: 1,
      url: 'http://a.test/2',
    });
    expect(sent).to.deep.equal([
      ['/1', 'PUT', 'first'],
      ['/2', 'POST', 'second'],
    ]);
  });

  it('shows no credentials in its error when the transport has put them into the URL', async () => {
    const fetch = (target: URL): Promise<never> => {
      target.username = 'me';
      return Promise.reject(boom);
    };
    const error = await failureOf(fetchJson({ fetch }, new URL('http://api.test/')), Error);
    expect(error.message).to.match(/GET http:\/\/api\.test\/$/);
  });
});

describe('the decoder of bodies', () => {
  it('is not needed when forkfast is imported where there is no TextDecoder', () => {
    const script = `delete globalThis.TextDecoder; require('./lib/index.ts'); console.log('imported');`;
    const options = ['--conditions=forkfast:source', '--require=ts-node/register', '--eval', script];
    expect(spawnSync(process.execPath, options, { encoding: 'utf8' }).stdout).to.equal('imported\n');
  });

  it('rejects bytes that are not UTF-8 in the first body that it decodes, and in the next', async () => {
    const load = createRequire(__filename);
    const ours = Object.entries(load.cache).filter(([file]) => file.startsWith(resolve('lib') + sep));
    for (const [file] of ours) Reflect.deleteProperty(load.cache, file);
    const fresh = load('../../lib/index.ts') as typeof forkfast;
    Object.assign(load.cache, Object.fromEntries(ours));
    expect(fresh.DecodeError, 'a copy that has decoded nothing').not.to.equal(DecodeError);
    for (let body = 0; body < 2; body++) {
      const fetch = () => Promise.resolve(new Response(Uint8Array.of(0xff)));
      const error = await failureOf(fresh.fetchText({ fetch }, 'http://a.test/'), fresh.DecodeError);
      expect(error.message).to.match(/UTF-8/);
    }
    const fetch = () => Promise.resolve(new Response('é'));
    expect(await firstValueFrom(fresh.fetchText({ fetch }, 'http://a.test/'))).to.equal('é');
  });
});
