import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import {
  config,
  finalize,
  firstValueFrom,
  forkJoin,
  NEVER,
  Observable,
  of,
  tap,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import type * as forkfast from '../../lib/index.ts';
import {
  aggregate,
  BodyTooLargeError,
  type Context,
  DecodeError,
  type Fetch,
  type FetchBody,
  type FetchChunk,
  fetchJson,
  type FetchResponse,
  fetchText,
  fromAbortable,
  HttpError,
  NetworkError,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';

/** Where a subscriber, a transport, a context or a platform is not as one expects. */
describe('at the edges', () => {
  expectNoUnhandledRejections();

  const boom = new Error('boom');
  const reported: unknown[] = [];
  let heard = (): void => undefined;

  beforeEach(() => {
    reported.length = 0;
    config.onUnhandledError = (error) => {
      reported.push(error);
      heard();
    };
  });
  afterEach(() => {
    config.onUnhandledError = null;
    Object.assign(config, { useDeprecatedNextContext: false });
  });

  /** Waits for one report. */
  const report = (): Promise<void> =>
    new Promise((resolve) => {
      heard = resolve;
    });

  /** A transport whose answer has a body that `reader` reads. */
  const answering =
    (reader: ReturnType<FetchBody['getReader']>, status = 200): Fetch =>
    () =>
      Promise.resolve({ status, headers: new Headers(), body: { getReader: () => reader } });

  it('no listener is left where the subscriber has ended already', () => {
    const controller = new AbortController();
    const late = fromAbortable({ signal: controller.signal }, () => NEVER);
    forkJoin([throwError(() => boom), late]).subscribe({ error: () => undefined });
    expect(getEventListeners(controller.signal, 'abort')).to.have.length(0);
  });

  it('no listener is left by a run that is over before it has begun', () => {
    const controller = new AbortController();
    const never = aggregate({ never: () => NEVER });
    forkJoin([throwError(() => boom), never({ signal: controller.signal })]).subscribe({ error: () => undefined });
    expect(getEventListeners(controller.signal, 'abort')).to.have.length(0);
  });

  it('no listener is left on a signal that the context has no more', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    let { signal } = first;
    const ctx: Context = {
      get signal() {
        return signal;
      },
    };
    for (const source of [fromAbortable(ctx, () => NEVER), aggregate({ never: () => NEVER })(ctx)]) {
      ({ signal } = first);
      const subscription = source.subscribe();
      ({ signal } = second);
      subscription.unsubscribe();
      expect(getEventListeners(first.signal, 'abort')).to.have.length(0);
    }
  });

  it('no promise is rejected by a teardown that throws after the transport has failed', async () => {
    const fetch = (): Promise<never> => Promise.reject(boom);
    const told = report();
    const torn = fetchJson({ fetch }, 'http://api.test/').pipe(
      finalize(() => {
        throw boom;
      }),
    );
    torn.subscribe({ error: () => undefined });
    await told;
    expect(reported).to.have.length(1);
  });

  it('a teardown that throws is reported where the signal has aborted already', async () => {
    const canceled = fromAbortable({ signal: AbortSignal.abort() }, () => of(1));
    const told = report();
    const torn = new Observable((subscriber) => {
      subscriber.add(() => {
        throw boom;
      });
      return canceled.subscribe(subscriber);
    });
    torn.subscribe({ error: () => undefined });
    await told;
    expect(reported).to.have.length(1);
  });

  it('a transport that changes the URL and fails is an error', async () => {
    const fetch = (url: URL): Promise<never> => {
      url.username = 'me';
      return Promise.reject(boom);
    };
    const error = await failureOf(fetchJson({ fetch }, new URL('http://api.test/')), Error);
    expect(error.message).to.equal('no answer from GET http://api.test/');
  });

  it('a failed response is canceled once', async () => {
    let canceled = 0;
    const reader = {
      read: () => Promise.resolve({ done: false, value: new Uint8Array(2 ** 16) }),
      cancel: () => {
        canceled++;
        return Promise.resolve();
      },
    };
    const fetch = answering(reader, 500);
    await failureOf(fetchJson({ fetch }, 'http://api.test/'), Error);
    expect(canceled).to.equal(1);
  });

  it('a failed response is canceled before the failure is told', async () => {
    const told: string[] = [];
    const reader = {
      read: () => ({ done: false, value: new Uint8Array(2 ** 16) }),
      cancel: () => {
        told.push('canceled');
        return Promise.resolve();
      },
    };
    const fetch = answering(reader, 500);
    const failure = fetchJson({ fetch }, 'http://api.test/').pipe(
      tap({
        error: () => {
          told.push('failed');
        },
      }),
    );
    await failureOf(failure, Error);
    expect(told).to.deep.equal(['canceled', 'failed']);
  });

  describe('a body', () => {
    const read = (chunks: () => FetchChunk | PromiseLike<FetchChunk>): Observable<string> =>
      fetchText({ fetch: answering({ read: chunks, cancel: () => Promise.resolve() }) }, 'http://a.test/');
    const value = new TextEncoder().encode('a');

    it('may come without a promise, as far as it is there', async () => {
      let left = 20_000;
      const chunks = () => {
        left--;
        return left % 5_000 === 1 ? Promise.resolve({ done: false, value }) : { done: left === 0, value };
      };
      expect(await firstValueFrom(read(chunks))).to.equal('a'.repeat(20_000));
      expect(left).to.equal(0);
    });

    it('is asked for no more once it is over, has become too large, or nobody wants it', async () => {
      let asked = 0;
      const endless = () => {
        asked++;
        return { done: false, value };
      };
      const fetch = answering({ read: endless, cancel: () => Promise.resolve() });
      await failureOf(fetchText({ fetch }, 'http://a.test/', { maxBytes: 9 }), BodyTooLargeError);
      expect(asked).to.equal(10);
      fetchText({ fetch }, 'http://a.test/').subscribe().unsubscribe();
      await firstValueFrom(timer(0));
      expect(asked).to.equal(10);
    });

    const none = undefined as unknown as FetchChunk;
    const broken: Readonly<Record<string, () => FetchChunk | PromiseLike<FetchChunk>>> = {
      'whose read throws': () => {
        throw boom;
      },
      'whose read rejects': () => Promise.reject(boom),
      'that reads nothing at all': () => none,
      'that reads nothing at all, later': () => Promise.resolve(none),
    };
    for (const [name, chunks] of Object.entries(broken)) {
      it(`${name} is one cut short`, async () => {
        const error = await failureOf(read(chunks), NetworkError);
        expect(error.message).to.equal('a body cut short from GET http://a.test/');
        if (name.startsWith('whose')) expect(error.cause).to.equal(boom);
        else expect(error.cause).to.be.instanceOf(TypeError);
      });
    }

    it('whose reader cannot be had is one cut short', async () => {
      const getReader = (): never => {
        throw boom;
      };
      const fetch = () => Promise.resolve({ status: 200, headers: new Headers(), body: { getReader } });
      expect((await failureOf(fetchText({ fetch }, 'http://a.test/'), NetworkError)).cause).to.equal(boom);
    });

    it('that comes after the end is canceled, and silent where it cannot be', async () => {
      const asked: string[] = [];
      const reader = {
        read: () => Promise.reject(boom),
        cancel: () => {
          asked.push('canceled');
          return Promise.resolve();
        },
      };
      for (const getReader of [
        () => reader,
        () => {
          asked.push('thrown');
          throw boom;
        },
      ]) {
        let answer = (_response: FetchResponse): void => undefined;
        const fetch = () => new Promise<FetchResponse>((resolve) => (answer = resolve));
        fetchText({ fetch }, 'http://a.test/').subscribe().unsubscribe();
        answer({ status: 200, headers: new Headers(), body: { getReader } });
        await firstValueFrom(timer(0));
      }
      expect(asked).to.deep.equal(['canceled', 'thrown']);
      expect(reported).to.deep.equal([]);
    });

    it('of what has no size is too large', async () => {
      let asked = 0;
      const chunks = () => ({ done: ++asked === 9, value: 'text' as unknown as Uint8Array });
      await failureOf(read(chunks), BodyTooLargeError);
      expect(asked).to.equal(1);
    });
  });

  describe('what is read of a response', () => {
    const value = new TextEncoder().encode('a');
    const log: string[] = [];
    beforeEach(() => {
      log.length = 0;
    });

    /** Reads `chunks` in turn, and notes a cancel and the end. */
    const ask = (status: number, ...chunks: readonly unknown[]): Promise<unknown> => {
      const left = [...chunks];
      const reader = {
        read: () => left.shift() as FetchChunk,
        cancel: () => {
          log.push('canceled');
          return Promise.resolve();
        },
      };
      const fetch = answering(reader, status);
      const answer = fetchText({ fetch }, 'http://a.test/', { maxBytes: 2 });
      return firstValueFrom(answer.pipe(tap({ error: () => log.push('failed') }))).catch((error: unknown) => error);
    };

    for (const status of [200, 500]) {
      it(`is canceled where it makes no sense, before that is told: status ${String(status)}`, async () => {
        const senseless: unknown[] = [undefined, { done: false, value: null }, Promise.resolve(undefined)];
        for (const chunk of senseless) {
          log.length = 0;
          expect(await ask(status, chunk)).to.be.instanceOf(status === 200 ? NetworkError : HttpError);
          expect(log).to.deep.equal(['canceled', 'failed']);
        }
      });
    }

    it('is not canceled where it has ended: by itself, by breaking, by its last chunk that is too much', async () => {
      expect(await ask(200, { done: true, value })).to.equal('a');
      expect(await ask(200, { done: false, value }, { done: true })).to.equal('a');
      expect(log).to.deep.equal([]);
      expect(await ask(200, Promise.reject(boom))).to.be.instanceOf(NetworkError);
      expect(await ask(200, { done: true, value: new Uint8Array(3) })).to.be.instanceOf(BodyTooLargeError);
      expect(log).to.deep.equal(['failed', 'failed']);
    });

    it('is an error of a response that lacks what one has', async () => {
      const throws = {
        get: () => {
          throw boom;
        },
      };
      const lacking: readonly [unknown, RegExp][] = [
        [{ status: 500, body: null }, /Cannot read properties of undefined/],
        [{ status: 500, body: null, headers: throws }, /^boom$/],
        [{ status: 200, body: null, headers: throws }, /^boom$/],
      ];
      for (const [response, message] of lacking) {
        const fetch = () => Promise.resolve(response as FetchResponse);
        const { message: said } = await failureOf(fetchJson({ fetch }, 'http://a.test/'), Error);
        expect(said).to.match(message);
      }
      expect(reported).to.deep.equal([]);
    });

    it('is an error where the error itself cannot be looked at', async () => {
      const odd = Object.defineProperty(new Error('odd'), 'code', {
        get: () => {
          throw boom;
        },
      });
      expect(await failureOf(fetchText({ fetch: () => Promise.reject(odd) }, 'http://a.test/'), Error)).to.equal(boom);
      expect(await ask(200, Promise.reject(odd))).to.equal(boom);
    });

    it('may come by promises that are not the platform`s: at once, and as often as they like', async () => {
      const thenable = (chunk: FetchChunk) => ({
        then: (resolve: (chunk: FetchChunk) => void) => {
          resolve(chunk);
          resolve(chunk);
        },
      });
      let left = 20_000;
      const reader = {
        read: () => thenable({ done: --left === 0, value }) as PromiseLike<FetchChunk>,
        cancel: () => Promise.resolve(),
      };
      const fetch = answering(reader);
      expect(await firstValueFrom(fetchText({ fetch }, 'http://a.test/'))).to.equal('a'.repeat(20_000));
    });

    it('comes in the asynchronous context of who asked, whoever calls back', async () => {
      const storage = new AsyncLocalStorage<string>();
      const foreign = (chunk: FetchChunk) => ({
        then: (resolve: (chunk: FetchChunk) => void) => {
          storage.run('theirs', resolve, chunk);
        },
      });
      const reader = {
        read: () => foreign({ done: true, value }) as PromiseLike<FetchChunk>,
        cancel: () => Promise.resolve(),
      };
      for (const status of [200, 500]) {
        const fetch = answering(reader, status);
        const seen = await storage.run('ours', () => {
          return new Promise((resolve) => {
            const see = (): void => {
              resolve(storage.getStore());
            };
            fetchText({ fetch }, 'http://a.test/').subscribe({ next: see, error: see });
          });
        });
        expect(seen).to.equal('ours');
      }
    });
  });

  it('a request is as its `init` was when it was asked for', async () => {
    const sent: unknown[] = [];
    const fetch = (_url: URL, { method, body }: RequestInit) => {
      sent.push(method, body);
      return Promise.resolve(new Response('ab', { status: 200 }));
    };
    const init: { method: string; body: string; maxBytes: number } = { method: 'PUT', body: 'first', maxBytes: 2 };
    const first = fetchText({ fetch }, 'http://a.test/', init);
    Object.assign(init, { method: 'POST', body: 'second', maxBytes: 1 });
    const second = fetchText({ fetch }, 'http://a.test/', init);
    expect(await firstValueFrom(first)).to.equal('ab');
    const error = await failureOf(second, BodyTooLargeError);
    expect(error).to.include({ method: 'POST', maxBytes: 1 });
    expect(sent).to.deep.equal(['PUT', 'first', 'POST', 'second']);
  });

  it('a request is for its URL as it was when it was asked for', async () => {
    const sent: string[] = [];
    const fetch = (url: URL) => {
      sent.push(url.pathname);
      return Promise.resolve(new Response('', { status: 500 }));
    };
    const url = new URL('http://a.test/1');
    const first = fetchText({ fetch }, url);
    url.pathname = '/2';
    const second = fetchText({ fetch }, url);
    url.pathname = '/3';
    for (const [answer, path] of [
      [first, '/1'],
      [second, '/2'],
    ] as const) {
      expect(await failureOf(answer, HttpError)).to.include({ url: `http://a.test${path}` });
    }
    expect(sent).to.deep.equal(['/1', '/2']);
  });

  it('a promise that is not the platform`s answers with what it resolves to in the end', async () => {
    const foreign = {
      then: (resolve: (value: unknown) => void) => {
        resolve(Promise.resolve(1));
      },
    } as PromiseLike<number>;
    expect(await firstValueFrom(fromAbortable({}, () => foreign).pipe(toArray()))).to.deep.equal([1]);
  });

  it('what is no response is an error', async () => {
    const fetch = () => Promise.resolve(undefined as unknown as FetchResponse);
    await failureOf(fetchText({ fetch }, 'http://a.test/'), TypeError);
  });

  it('a body whose cancel throws, or gives no promise, is let go', async () => {
    const throws = (): never => {
      throw boom;
    };
    for (const cancel of [() => undefined as never, throws]) {
      let canceled = false;
      let reading = (): void => undefined;
      const read = new Promise<void>((resolve) => {
        reading = resolve;
      });
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
      const fetch = answering(reader);
      const subscription = fetchJson({ fetch }, 'http://api.test/').subscribe();
      await read;
      subscription.unsubscribe();
      for (let task = 0; task < 3; task++) await firstValueFrom(timer(0));
      expect(canceled).to.equal(true);
    }
    expect(reported).to.deep.equal([]);
  });

  it('answers come under the deprecated context of `next`', () => {
    Object.assign(config, { useDeprecatedNextContext: true }); // deprecated, and there until 8
    const seen: unknown[] = [];
    const ask = aggregate({ one: (ctx) => fromAbortable(ctx, () => of(1)) });
    ask({}).subscribe((value) => seen.push(value));
    expect(seen).to.deep.equal([{ one: 1 }]);
  });

  it('an Observable with a `then` is an Observable', () => {
    const seen: unknown[] = [];
    const both = Object.assign(of('Alice'), { then: () => undefined as never });
    fromAbortable({}, () => both).subscribe((value) => seen.push(value));
    expect(seen).to.deep.equal(['Alice']);
  });

  it('it is imported where there is no TextDecoder', () => {
    const script = `delete globalThis.TextDecoder; require('./lib/index.ts'); console.log('imported');`;
    const options = ['--conditions=forkfast:source', '--require=ts-node/register', '--eval', script];
    const { stdout } = spawnSync(process.execPath, options, { encoding: 'utf8' });
    expect(stdout).to.equal('imported\n');
  });

  it('the decoder, which is made for the first body, is as strict as the next', async () => {
    const load = createRequire(__filename);
    const ours = Object.entries(load.cache).filter(([file]) => /[/\\]lib[/\\][^/\\]+\.ts$/.test(file));
    for (const [file] of ours) Reflect.deleteProperty(load.cache, file);
    const fresh = load('../../lib/index.ts') as typeof forkfast;
    Object.assign(load.cache, Object.fromEntries(ours));
    for (let body = 0; body < 2; body++) {
      const fetch = () => Promise.resolve(new Response(Uint8Array.of(0xff)));
      const error = await failureOf(fresh.fetchText({ fetch }, 'http://a.test/'), DecodeError);
      expect(error.message).to.match(/^expected UTF-8/);
    }
    expect(
      await firstValueFrom(fresh.fetchText({ fetch: () => Promise.resolve(new Response('é')) }, 'http://a.test/')),
    ).to.equal('é');
  });
});
